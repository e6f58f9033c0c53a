"""The sections of a report: each says in words and pictures what some of the figures are."""

from collections.abc import Iterable, Sequence

from keyapi_async.report import charts
from keyapi_async.report.fields import NUMBERS, Field, is_personal, label_of
from keyapi_async.report.figures import Figures, Spread
from keyapi_async.report.markup import (
    Markup,
    counted,
    cut,
    joined,
    moment,
    percent,
    short,
    tag,
)

_BEST, _BARS, _MOST = 15, 8, 20


def page(figures: Figures) -> Markup:
    """Put all sections below one another."""
    makers = (_best, _breakdowns, _spreads, _times, _harvest, _health)
    return joined(_head(figures), *(make(figures) for make in makers))


def _head(figures: Figures) -> Markup:
    state, runs = figures.state, figures.runs()
    lists = state.done + state.failed + state.left
    items = [
        ("Rows", short(figures.rows), f"{short(state.rejects) if state.rejects else 'none'} invalid besides"),
        ("Lists read", f"{short(state.done)} of {short(lists)}",
         f"{state.failed:,} failed, {state.left:,} left"),
        ("Credits spent", short(sum(run[4] for run in runs)),
         f"{sum(run[5] for run in runs):,} uncertain; {counted(state.pages, 'page')}"),
    ]  # fmt: skip
    for measure in _measured(figures)[:3]:
        spread = figures.spreads[measure.name]
        median = short(spread.quantile(0.5))
        if measure.adds_up:
            items.append((measure.label, short(spread.total), f"in all rows; median {median}"))
        else:
            items.append((measure.label, median, f"median; mean {short(_mean(spread))}"))
    if state.running:
        told = f"A run is under way; this is what it had read until {moment(state.last)}."
    elif state.left or state.failed:
        told = f"Not complete: {state.failed:,} lists failed, {state.left:,} are left."
    else:
        told = f"Complete: every list was read to its end, the last one {moment(state.last)}."
    name = str(figures.known.facts["name"])
    return tag(
        "header",
        tag("p", "KeyAPI · TikTok analytics", class_="kicker"),
        tag("h1", label_of(name)),
        tag("p", figures.shape.about, class_="lead") if figures.shape.about else None,
        tag("p", told, class_="done" if told.startswith("Complete") else "open"),
        _facts("tiles", items),
    )


def _best(figures: Figures) -> Markup | None:
    measures = _measured(figures)
    fields, rows = figures.best(measures[0] if measures else None, _BEST)
    pictures = []
    for measure in measures[:3]:
        found = rows if measure is measures[0] else figures.best(measure, _BARS)[1]
        items = [(figures.label(row), row[measure.name] * 1.0) for row in found[:_BARS]
                 if isinstance(row[measure.name], (int, float))]  # fmt: skip
        if items and items[0][1] > 0:
            pictures.append(_picture(f"Best by {_inside(measure)}", "", charts.bars(items)))
    lead = "The first ones of the ledger."
    if measures:
        days = ", with its best day" if figures.shape.day else ""
        lead = f"By {_inside(measures[0])}; each thing is shown once{days}."
    cells = [[_cell(one, row[one.name]) for one in fields] for row in rows]
    numbers = {n for n, one in enumerate(fields) if one.kind in NUMBERS}
    heads = [one.label for one in fields]
    table = _card("", _table(heads, cells, numbers)) if rows else None
    return _section("Best rows" if measures else "Rows", lead, _grid(pictures), table)


def _breakdowns(figures: Figures) -> Markup | None:
    cards, same = [], []
    measure = next(iter(_measured(figures)), None)
    for field in (*figures.shape.parts, *figures.asked):
        groups = figures.groups(field)
        if len(groups) == 1:
            same += [f"{_inside(field)}: {groups[0][0]}"] if groups[0][0] != "none" else []
        elif groups:
            lines = [
                [name, _share(rows, max(one[1] for one in groups)), short(rows),
                 percent(rows, figures.rows)] + [short(total / (1 if measure.adds_up else rows))
                 for _ in "1" if measure]
                for name, rows, total in groups
            ]  # fmt: skip
            what = [] if measure is None else [measure.label if measure.adds_up else f"Mean {_inside(measure)}"]
            heads = [field.label, "", "Rows", "Share", *what]
            cards.append(_card(field.label, _table(heads, lines, {2, 3, 4}), "card parts"))
    alike = tag("p", f"The same in all rows: {', '.join(same)}.", class_="lead") if same else None
    return _section("Breakdown", "How the rows divide.", _grid(cards, "grid wide"), alike)


def _spreads(figures: Figures) -> Markup | None:
    pictures = [
        _spread(one.label, figures.spreads[one.name])
        for one in _measured(figures)
        if len(figures.spreads[one.name].counts) > 1
    ]
    return _section("Distribution", "Rows by the size of each measure.", _grid(pictures))


def _spread(title: str, spread: Spread) -> Markup:
    log = spread.is_skewed
    told = (
        f"Median {short(spread.quantile(0.5))}, mean {short(_mean(spread))};"
        f" one in a hundred is above {short(spread.quantile(0.99))}."
    )
    if log and spread.counts[0][0] == 0:
        told += f" {percent(spread.counts[0][1], spread.number)} are 0, and not shown."
    return _picture(title, told, charts.histogram(spread.counts, log=log))


def _times(figures: Figures) -> Markup | None:
    shape, pictures = figures.shape, []
    how, days = figures.days()
    for measure in shape.measures:
        if len(points := days.get(measure.name, [])) > 1:
            told = f"{how} over the lists, day by day. {measure.doc}"
            pictures.append(_picture(measure.label, told, charts.over_time(points, "line")))
        elif not days and len(points := figures.snapshots(measure)) > 1:
            told = "Sum over the lists that were read more than once, after each reading."
            title = f"{measure.label}, snapshots"
            pictures.append(_picture(title, told, charts.over_time(points, "line")))
    if shape.moment and len(points := figures.moments()) > 1:
        title = f"Rows by {_inside(shape.moment)}"
        pictures.append(_picture(title, shape.moment.doc, charts.over_time(points, "bar")))
    return _section("Over time", "What the days have brought, in UTC.", _grid(pictures))


def _harvest(figures: Figures) -> Markup | None:
    facts, state = figures.known.facts, figures.state
    lines: list[tuple[object, ...]] = [("Endpoint", tag("code", facts["path"]))]
    for key, number, some in figures.keys:
        few = cut(some or "–", 90)
        lines.append((key, few if number <= 3 else f"{number:,} values, such as {few}"))  # noqa: PLR2004
    for name, value in facts.items():
        if name.startswith("parameter "):
            lines.append((name.removeprefix("parameter "), cut(value, 90)))
    lines.append(("When", f"{moment(state.first)} to {moment(state.last)}"))
    cards = [_card("What was asked", _facts("facts", lines))]
    if len(points := figures.pages()) > 2:
        chart = charts.over_time(points, "bar")
        cards.append(_picture("Pages over time", f"{counted(state.pages, 'page')}.", chart))
    if len((lists := figures.lists()).counts) > 1:
        cards.append(_spread("Rows per list", lists))
    runs = [
        [moment(began), f"{ended - began:,.1f} s", *map(short, (pages, rows, spent, lost, sent)),
         short(sent / (ended - began) if ended > began else None), short(qps)]
        for began, ended, pages, rows, spent, lost, sent, qps in figures.runs()[:_MOST]
    ]  # fmt: skip
    heads = ("Began", "Took", "Pages", "Rows", "Credits", "Uncertain", "Requests", "A second",
             "Allowed")  # fmt: skip
    table = _card("Runs", _table(heads, runs, set(range(1, 9)))) if runs else None
    return _section("The harvest", "What was asked, and what it cost.", _grid(cards), table)


def _health(figures: Figures) -> Markup | None:
    rows, fields, filled = figures.rows, figures.shape.fields, figures.filled
    known = {one.name for one in fields}
    never = [tag("li", tag("code", name)) for name, number in filled.items() if not number]
    partly = sorted((one for one in fields if 0 < filled[one.name] < rows), key=lambda one: filled[one.name])
    empty = [
        [tag("code", one.name), one.doc, _share(rows - filled[one.name], rows),
         percent(rows - filled[one.name], rows)]
        for one in partly
    ]  # fmt: skip
    unknown: dict[bool, list[list[object]]] = {True: [], False: []}
    for name, number, example in figures.unknown[:_MOST]:
        shown = "personal data, not shown" if is_personal(name) else tag("code", example)
        line = [tag("code", cut(name, 60)), shown, short(number), percent(number, rows)]
        unknown[name in known].append(line)
    failures = [
        [tag("code", cut(one.key, 60)), cut(one.error, 300), str(one.bookmark.page_num)]
        for one in figures.failures()[:_MOST]
    ]
    reasons = [[[why, short(n)] for why, n, _ in figures.reasons(one)[:_MOST]] for one in ("reject", "list")]
    cards = [
        _card(title, _table(heads, lines, numbers))
        for title, heads, lines, numbers in (
            ("Fields with empty values", ("Field", "What it is", "", "Empty"), empty, {3}),
            ("Fields that the specification lacks", ("Field", "Example", "Rows", "Share"), unknown[False], {2, 3}),
            ("Values that did not fit, kept as they came", ("Field", "Example", "Rows", "Share"), unknown[True], {2, 3}),
            ("Why rows are invalid", ("Reason", "Rows"), reasons[0], {1}),
            ("Why lists failed", ("Reason", "Lists"), reasons[1], {1}),
            ("Lists that failed", ("List", "Error", "At page"), failures, {2}),
        )
        if lines
    ]
    if never and rows:
        cards.insert(1, _card("Fields that never came", tag("ul", *never, class_="chips")))
    whole = len(fields) - len(never) - len(partly)
    lead = f"{whole} of {counted(len(fields), 'field')} are filled in every row."
    return _section("Health of the data", lead, tag("div", *cards, class_="stack"))


def _measured(figures: Figures) -> list[Field]:
    """List the measures that have any value."""
    return [one for one in figures.shape.measures if figures.spreads[one.name].counts]


def _mean(spread: Spread) -> float:
    return spread.total / spread.number


def _inside(field: Field) -> str:
    """Write a label as it stands within a sentence."""
    return field.label if field.label[:2].isupper() else field.label[:1].lower() + field.label[1:]


def _cell(field: Field, value: object) -> object:
    if value in field.choices:
        return field.choices[value]
    if field.kind in {"id", "date"} and value:
        return tag("code", cut(value, 40))
    return cut(value, 90) if isinstance(value, str) else short(value)


def _section(title: str, lead: str, *parts: Markup | None) -> Markup | None:
    if not any(parts):
        return None
    return tag("section", tag("h2", title), tag("p", lead, class_="lead"), *parts)


def _card(title: str, inside: Markup, class_: str = "card") -> Markup:
    return tag("div", tag("h3", title) if title else None, inside, class_=class_)


def _picture(title: str, caption: str, chart: Markup) -> Markup:
    told = tag("figcaption", caption) if caption else None
    return tag("figure", tag("h3", title), chart, told, class_="card")


def _grid(cards: Sequence[Markup], class_: str = "grid") -> Markup | None:
    return tag("div", *cards, class_=class_) if cards else None


def _facts(class_: str, lines: Iterable[Sequence[object]]) -> Markup:
    items = (tag("div", tag("dt", name), *(tag("dd", one) for one in told)) for name, *told in lines)
    return tag("dl", *items, class_=class_)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]], numbers: set[int]) -> Markup:
    """Make a table, which a narrow screen shows row by row."""
    sides = ["n" if n in numbers else None for n in range(len(heads))]
    head = [tag("th", one, class_=side, scope="col") for one, side in zip(heads, sides, strict=True)]
    body = (
        tag("tr", *(
            tag("td", cell, class_=side, data_label=name)
            for cell, side, name in zip(row, sides, heads, strict=True)
        ))
        for row in rows
    )  # fmt: skip
    return tag("table", tag("thead", tag("tr", *head)), tag("tbody", *body))


def _share(part: float, whole: float) -> Markup:
    """Draw a share as a small bar."""
    widths = (("all", 100.0), (None, 100 * part / whole))
    parts = (tag("rect", class_=name, width=f"{width:.1f}", height=6) for name, width in widths)
    return tag("svg", *parts, class_="share", viewBox="0 0 100 6", preserveAspectRatio="none",
               aria_hidden="true")  # fmt: skip
