"""Charts, drawn here as SVG by Vega-Lite; their colours are the page's own."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from keyapi_async.errors import ConfigurationError
from keyapi_async.report.markup import Markup, cut, short

try:
    import vl_convert
except ModuleNotFoundError as error:
    raise ConfigurationError(
        "the report draws with vl-convert-python: pip install 'keyapi-async[report]'"
    ) from error

_VERSION = "6.4"
_WIDTH = 420
_LABEL = (
    "abs(datum.value) < 1 ? format(datum.value, '~g')"
    " : replace(format(datum.value, '.3~s'), 'G', 'B')"
)
_CONFIG = {
    "aria": False,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {"domain": False, "ticks": False, "labelPadding": 6, "labelFontSize": 12,
             "titleFontSize": 12, "titleFontWeight": "normal"},
    "text": {"fontSize": 12},
}  # fmt: skip
_NUMBERS = {"labelExpr": _LABEL, "tickCount": 4, "title": None}

Spec = Mapping[str, Any]


def bars(items: Sequence[tuple[str, float]]) -> Markup:
    """Draw a few named numbers, each as a bar with its value behind it."""
    values = [
        {"n": n, "name": cut(name, 22), "value": value, "text": short(value)}
        for n, (name, value) in enumerate(items)
    ]
    names = "[" + ",".join(f"data('source_0')[{n}].name" for n in range(len(values))) + "]"
    y = {"field": "n", "type": "ordinal",
         "axis": {"title": None, "labelExpr": f"{names}[datum.value]", "labelLimit": 170}}  # fmt: skip
    x = {"field": "value", "type": "quantitative", "axis": None}
    return _drawn(
        values,
        26 * len(values) + 8,
        {"mark": {"type": "bar", "cornerRadiusEnd": 3, "height": 14}, "encoding": {"x": x, "y": y}},
        {"mark": {"type": "text", "align": "left", "dx": 5},
         "encoding": {"x": x, "y": y, "text": {"field": "text"}}},
    )  # fmt: skip


def histogram(bins: Sequence[tuple[float, float, int]], *, log: bool, title: str) -> Markup:
    """Draw how often values fall into ranges."""
    values = [{"from": low, "to": high, "rows": rows} for low, high, rows in bins]
    scale = {"type": "log" if log else "linear", "nice": False, "zero": False}
    encoding = {
        "x": {"field": "from", "type": "quantitative", "scale": scale,
              "axis": {**_NUMBERS, "grid": False, "title": title}},
        "x2": {"field": "to"},
        "y": {"field": "rows", "type": "quantitative", "axis": _NUMBERS},
    }  # fmt: skip
    return _drawn(values, 190, {"mark": {"type": "bar", "binSpacing": 1}, "encoding": encoding})


def columns(points: Sequence[tuple[float, float]], step: float) -> Markup:
    """Draw how many came in each step of time; times are Unix seconds."""
    values = [{"from": 1000 * at, "to": 1000 * (at + step), "value": n} for at, n in points]
    encoding = {
        "x": {"field": "from", **_TIME},
        "x2": {"field": "to"},
        "y": {"field": "value", "type": "quantitative", "axis": _NUMBERS},
    }
    return _drawn(values, 190, {"mark": {"type": "bar", "binSpacing": 1}, "encoding": encoding})


def line(points: Sequence[tuple[float, float]]) -> Markup:
    """Draw a number over time; times are Unix seconds."""
    values = [{"at": 1000 * at, "value": value} for at, value in points]
    encoding = {
        "x": {"field": "at", **_TIME},
        "y": {"field": "value", "type": "quantitative", "axis": _NUMBERS, "scale": {"zero": False}},
    }
    return _drawn(
        values,
        190,
        {"mark": {"type": "line", "strokeWidth": 2, "strokeJoin": "round"}, "encoding": encoding},
        {"mark": {"type": "point", "filled": True, "size": 16}, "encoding": encoding},
    )


_TIME: Spec = {
    "type": "temporal",
    "scale": {"type": "utc"},
    "axis": {"title": None, "grid": False, "tickCount": 5, "labelOverlap": True},
}


def _drawn(values: Sequence[object], height: int, *layers: Spec) -> Markup:
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": _WIDTH,
        "height": height,
        "background": None,
        "autosize": {"type": "fit", "contains": "padding"},
        "config": _CONFIG,
        "data": {"name": "source_0", "values": values},
        "layer": layers,
    }
    svg = vl_convert.vegalite_to_svg(spec, vl_version=_VERSION, allowed_base_urls=[])
    # It is as wide as the page has room for; numbers of a tenth of a pixel are fine enough.
    svg = re.sub(r' width="[^"]*" height="[^"]*"', ' aria-hidden="true"', svg, count=1)
    return Markup(re.sub(r"(\.\d)\d+", r"\1", svg))
