"""Charts, drawn here as SVG by Vega-Lite; their colours are the page's own.

Its SVG has neither scripts nor style attributes, so that a strict Content-Security-Policy admits it
as it is, and it knows logarithmic and time axes, and texts of any script.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

from keyapi_async.errors import ConfigurationError
from keyapi_async.report.markup import Markup, cut, short

try:
    import vl_convert
except ModuleNotFoundError as error:
    raise ConfigurationError(
        "a report needs vl-convert-python: pip install 'keyapi-async[report]'"
    ) from error

_NUMBER = "abs({0}) < 1 ? format({0}, '~g') : upper(replace(format({0}, '.3~s'), 'G', 'B'))"
_AXIS = {"title": None, "tickCount": 4, "labelExpr": _NUMBER.format("datum.value")}
_PLAIN = {"domain": False, "ticks": False, "labelPadding": 6, "labelFontSize": 12, "tickCount": 5,
          "titleFontWeight": "normal", "titleFontSize": 12}  # fmt: skip
_SPARSE = {"labelAngle": 0, "labelOverlap": True, "labelSeparation": 10}
_FEW = 10

Spec = dict[str, Any]
_CONFIG = {"aria": False, "view": {"stroke": None}, "axis": _PLAIN, "text": {"fontSize": 12}}


def bars(items: Sequence[tuple[str, float]]) -> Markup:
    """Draw a few named numbers, each as a bar with its value behind it."""
    # Two things may have the same name: a number tells them apart, and is not shown.
    values = [
        {"name": f"{n:02}{cut(name, 18)}", "value": value, "text": short(value)}
        for n, (name, value) in enumerate(items)
    ]
    # Room for fonts that are wider than those that Vega measures by.
    axis = {"title": None, "labelExpr": "slice(datum.value, 2)", "labelLimit": 120,
            "minExtent": 140, "maxExtent": 140}  # fmt: skip
    scale = {"domain": [0, 1.45 * max(value for _, value in items)], "nice": False}
    x = {"field": "value", "type": "quantitative", "axis": None, "scale": scale, "stack": None}
    encoding = {"x": x, "y": {"field": "name", "type": "nominal", "axis": axis}}
    named = {"mark": {"type": "text", "align": "left", "dx": 5},
             "encoding": {**encoding, "text": {"field": "text"}}}  # fmt: skip
    bar = {"mark": {"type": "bar", "cornerRadiusEnd": 3, "height": 14}, "encoding": encoding}
    return _drawn(values, 26 * len(values) + 8, bar, named)


def histogram(counts: Sequence[tuple[float, int]], *, log: bool) -> Markup:
    """Draw how often values fall into ranges; those above 0, where the scale is logarithmic.

    A few different values, such as stars, have a bar each.
    """
    scale = math.log10 if log else float
    values = [{"at": scale(value), "rows": n} for value, n in counts if value > 0 or not log]
    label = _NUMBER.format("pow(10, datum.value)" if log else "datum.value")
    axis: Spec = {"title": None, "grid": False, "labelExpr": label, **_SPARSE}
    if log:
        tens = range(math.ceil(values[0]["at"]), math.floor(values[-1]["at"]) + 1)
        axis |= {"title": "logarithmic scale", "values": list(tens)}
    x = {"bin": {"maxbins": 20}} if log or len(values) > _FEW else {"type": "ordinal"}
    encoding = {
        "x": {"field": "at", "axis": axis, **x},
        "y": {
            "aggregate": "sum",
            "field": "rows",
            "type": "quantitative",
            "axis": {**_AXIS, "tickMinStep": 1},
        },
    }
    return _drawn(values, 170, {"mark": "bar", "encoding": encoding})


def over_time(points: Sequence[tuple[float, float]], mark: str) -> Markup:
    """Draw a number over time as a line or as bars; times are Unix seconds."""
    values = [{"at": 1000 * at, "value": value} for at, value in points]
    seconds = points[-1][0] - points[0][0]
    axis = {"title": None, "grid": False, "tickCount": min(5, round(seconds)), **_SPARSE}
    scale = {"zero": mark == "bar"}
    encoding = {
        "x": {"field": "at", "type": "temporal", "scale": {"type": "utc"}, "axis": axis},
        "y": {"field": "value", "type": "quantitative", "axis": _AXIS, "scale": scale},
    }
    return _drawn(values, 170, {"mark": mark, "encoding": encoding})


def _drawn(values: Sequence[Spec], height: int, *layers: Spec) -> Markup:
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": 350,
        "height": height,
        "background": None,
        "autosize": {"type": "fit", "contains": "padding"},
        "config": _CONFIG,
        "data": {"values": values},
        "layer": layers,
    }
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    # It is as wide as the page has room for.
    return Markup(re.sub(r' width="[^"]*" height="[^"]*"', ' aria-hidden="true"', svg, count=1))
