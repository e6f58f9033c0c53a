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
except ModuleNotFoundError as _missing:
    raise ConfigurationError(
        "a report needs vl-convert-python: pip install 'keyapi-async[report]'"
    ) from _missing

_LABEL = "abs({0}) < 1 ? format({0}, '~g') : upper(replace(format({0}, '.3~s'), 'G', 'B'))"
_NUMBERS = {"title": None, "tickCount": 4, "labelExpr": _LABEL.format("datum.value")}
_WHOLE = f"datum.value % 1 ? '' : {_NUMBERS['labelExpr']}"
_SPARSE = {"title": None, "grid": False, "labelAngle": 0, "labelOverlap": True,
           "labelSeparation": 10}  # fmt: skip
_FONT = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
_PLAIN = {**_FONT, "domain": False, "ticks": False, "labelPadding": 6, "tickCount": 5}
_CONFIG = {"aria": False, "view": {"stroke": None}, "axis": _PLAIN, "text": {"fontSize": 12}}
_FEW, _NAME = 10, 24
"""How many values have a bar each, and how long a name is: an id is whole."""

_DAY = 86400.0
_TIMES = ((180, "%H:%M:%S"), (1.5 * _DAY, "%H:%M"), (150 * _DAY, "%b %d"), (math.inf, "%b %Y"))
"""How times are written, by how many seconds the picture spans."""

Spec = dict[str, Any]


def bars(items: Sequence[tuple[str, float]]) -> Markup:
    """Draw a few named numbers, each as a bar with its value after it."""
    # Two things may have the same name: a number tells them apart, and is not shown.
    values = [
        {"name": f"{n:02}{cut(name, _NAME)}", "value": value, "text": short(value)}
        for n, (name, value) in enumerate(items)
    ]
    # Room for fonts that are wider than those that Vega measures by.
    room = {"labelLimit": 170, "minExtent": 178, "maxExtent": 178}
    scale = {"domain": [0, 1.4 * max(value for _, value in items)], "nice": False}
    y = _field(
        "name", "nominal", axis={**room, "title": None, "labelExpr": "slice(datum.value, 2)"}
    )
    x = _field("value", axis=None, scale=scale, stack=None)
    text = {"x": x, "y": y, "text": {"field": "text"}}
    bar = {"type": "bar", "cornerRadiusEnd": 3, "height": 14}
    behind = {"type": "text", "align": "left", "dx": 5}
    return _drawn(values, 26 * len(values) + 8, (bar, {"x": x, "y": y}), (behind, text))


def histogram(counts: Sequence[tuple[float, int]], *, log: bool) -> Markup:
    """Draw how often values fall into ranges; those above 0, where the scale is logarithmic.

    A few whole numbers, such as stars, have a bar each.
    """
    scale = math.log10 if log else float
    values = [{"at": scale(value), "rows": n} for value, n in counts if value > 0 or not log]
    axis: Spec = {
        **_SPARSE,
        "labelExpr": _LABEL.format("pow(10, datum.value)" if log else "datum.value"),
    }
    if log:
        tens = range(math.ceil(values[0]["at"]), math.floor(values[-1]["at"]) + 1)
        axis |= {"title": "logarithmic scale", "values": list(tens)}
    low, high = values[0]["at"], values[-1]["at"]
    whole = all(value == int(value) for value, _ in counts)
    x = _field("at", "ordinal", axis=axis)
    if log:  # the steps leave no gap between 1, 2 and 3
        x = _field("at", axis=axis, bin={"step": 0.2 if high - low < 4 else 0.5})
    elif not whole or high - low > _FEW:
        x = _field("at", axis=axis, bin={"maxbins": 20, "minstep": 1 if whole else 0})
    y = _field("rows", aggregate="sum", axis={**_NUMBERS, "labelExpr": _WHOLE})
    return _drawn(values, 170, ("bar", {"x": x, "y": y}))


def over_time(points: Sequence[tuple[float, float]], step: float | None = None) -> Markup:
    """Draw a number over time; times are Unix seconds.

    It is a line; what was counted over a step of so many seconds each is bars.
    """
    values = [{"at": 1000 * at, "value": value} for at, value in points]
    seconds = points[-1][0] - points[0][0] + (step or 0)
    form = next(form for most, form in _TIMES if seconds < most)
    axis = {**_SPARSE, "tickCount": max(1, min(4, round(seconds))), "format": form}
    x = _field("at", "temporal", axis=axis, scale={"type": "utc"})
    y = _field("value", axis=_NUMBERS, scale={"zero": step is not None})
    if step is None:
        return _drawn(values, 170, ("line", {"x": x, "y": y}))
    for one in values:
        one["end"] = one["at"] + 920 * step
    return _drawn(
        values, 170, ("bar", {"x": x, "x2": {"field": "end"}, "y": y, "y2": {"datum": 0}})
    )


def _field(name: str, type_: str = "quantitative", **more: object) -> Spec:
    return {"field": name, "type": type_, **more}


def _drawn(values: Sequence[Spec], height: int, *layers: tuple[object, Spec]) -> Markup:
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": 350,
        "height": height,
        "background": None,
        "autosize": {"type": "fit", "contains": "padding"},
        "config": _CONFIG,
        "data": {"values": values},
        "layer": [{"mark": mark, "encoding": encoding} for mark, encoding in layers],
    }
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    # It is as wide as the page has room for.
    return Markup(re.sub(r' width="[^"]*" height="[^"]*"', ' aria-hidden="true"', svg, count=1))
