"""The sections of a report: each says in words and pictures what some of the figures are."""

from collections.abc import Iterable, Sequence

from keyapi_async.report import charts
from keyapi_async.report.fields import Field, label_of
from keyapi_async.report.figures import Figures, Groups, Unknown
from keyapi_async.report.markup import (
    Markup,
    counted,
    cut,
    is_personal,
    joined,
    moment,
    percent,
    short,
    tag,
    took,
)

_BEST, _BARS = 15, 8
_RUNS = 10
_TEXT = 90
Cell = tuple[object, str | None] | object


def section(title: str, lead: str, *parts: Markup | None) -> Markup | None:
    """Put parts under a heading; nothing where there is none."""
    if not any(parts):
        return None
    return tag("section", tag("h2", title), tag("p", lead, class_="lead"), *parts)


def picture(title: str, caption: str, chart: Markup) -> Markup:
    """Put a chart between its title and what it says."""
    told = tag("figcaption", caption) if caption else None
    return tag("figure", tag("h3", title), chart, told, class_="card")


def table(heads: Sequence[str], numbers: set[int], rows: Iterable[Sequence[object]]) -> Markup:
    """Make a table, which a narrow screen shows row by row."""
    sides = [("n" if n in numbers else None) for n in range(len(heads))]
    head = tag("tr", *(tag("th", one, class_=side, scope="col") for one, side in zip(heads, sides, strict=True)))
    body = [
        tag("tr", *(
            tag("td", cell, class_=side, data_label=name)
            for cell, side, name in zip(row, sides, heads, strict=True)
        ))
        for row in rows
    ]  # fmt: skip
    return tag("table", tag("thead", head), tag("tbody", *body))


def share(part: float, whole: float) -> Markup:
    """Draw a share as a small bar."""
    width = f"{100 * part / whole if whole > 0 else 0:.1f}"
    bar = tag("rect", class_="all", width=100, height=6) + tag("rect", width=width, height=6)
    return tag("svg", Markup(bar), class_="share", viewBox="0 0 100 6", preserveAspectRatio="none", aria_hidden="true")


def tiles(items: Iterable[tuple[str, str, str]]) -> Markup:
    """Show a few figures large: name, figure, and what else to know."""
    return tag("dl", *(
        tag("div", tag("dt", name), tag("dd", figure), tag("dd", more, class_="more"))
        for name, figure, more in items
    ), class_="tiles")  # fmt: skip


def head(figures: Figures) -> Markup:
    """Say what this is, how far it is, and the figures that matter most."""
    shape, state = figures.shape, figures.state
    total = state.done + state.failed + state.left
    runs = figures.runs()
    spent, uncertain = sum(run[4] for run in runs), sum(run[5] for run in runs)
    items = [
        ("Rows", short(figures.rows), counted(state.rejects, "invalid row") if state.rejects else "none invalid"),
        ("Lists read", f"{short(state.done)} of {short(total)}", f"{state.failed} failed · {state.left} left"),
        ("Credits spent", short(spent), f"{uncertain} uncertain · {counted(state.pages, 'page')}"),
    ]  # fmt: skip
    for measure in shape.measures[:3]:
        spread = figures.spreads[measure.name]
        if not spread.number:
            continue
        middle = short(spread.quantile(0.5))
        if measure.adds_up:
            items.append((measure.label, short(spread.total), f"sum of all rows · median {middle}"))
        else:
            items.append((measure.label, middle, f"median · mean {short(spread.mean)}"))
    return tag(
        "header",
        tag("p", "KeyAPI · TikTok analytics", class_="kicker"),
        tag("h1", shape.title),
        tag("p", shape.about, class_="lead") if shape.about else None,
        _progress(figures),
        tiles(items),
    )


def _progress(figures: Figures) -> Markup:
    state = figures.state
    if state.running:
        told, mark = f"A run is under way; this is what it had read until {moment(state.last)}.", "open"
    elif state.left or state.failed:
        told = (
            f"Not complete: {counted(state.failed, 'list')} failed and {state.left:,} are left."
            " The next run takes them up."
        )
        mark = "open"
    else:
        told, mark = f"Complete: every list was read to its end, the last one {moment(state.last)}.", "done"
    return tag("p", told, class_=f"state {mark}")


def best(figures: Figures) -> Markup | None:
    """Show the best rows by the main measures."""
    shape = figures.shape
    measures = [one for one in shape.measures if figures.spreads[one.name].number]
    pictures, rows = [], figures.best(measures[0] if measures else None, _BEST)
    for n, measure in enumerate(measures[:3]):
        found = rows if n == 0 else figures.best(measure, _BARS)
        items = [(figures.label(row), _number(row[measure.name])) for row in found[:_BARS]]
        if items and items[0][1] > 0:
            title = f"Best by {_lower(measure.label)}"
            pictures.append(picture(title, "", charts.bars(items)))
    if not rows:
        return None
    what = "each once, with its best day" if shape.day else "each once"
    lead = f"By {_lower(measures[0].label)}, {what}." if measures else "The first ones."
    fields = {one.name: one for one in shape.fields}
    names = list(rows[0])
    numbers = {n for n, name in enumerate(names) if name in fields and _is_number(fields[name])}
    heads = [fields[name].label if name in fields else f"Asked: {name[5:]}" for name in names]
    cells = [[_cell(fields.get(name), row[name]) for name in names] for row in rows]
    return section(
        "Best rows" if measures else "Rows",
        lead,
        _grid(pictures),
        tag("div", table(heads, numbers, cells), class_="card"),
    )


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # what is no number is refused
    except (TypeError, ValueError):
        return 0.0


def _is_number(field: Field) -> bool:
    return field.kind in {"count", "amount", "rate", "position"}


def _cell(field: Field | None, value: object) -> object:
    if field is not None and isinstance(value, int) and value in field.choices:
        return field.choices[value]
    if field is not None and field.kind == "id":
        return tag("code", cut(value, 40)) if value is not None else "–"
    return short(value) if isinstance(value, (int, float)) else short(value and cut(value, _TEXT))


def _lower(label: str) -> str:
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def _grid(pictures: Sequence[Markup]) -> Markup | None:
    return tag("div", *pictures, class_="grid") if pictures else None


def breakdowns(figures: Figures) -> Markup | None:
    """Divide the rows by region, category and codes."""
    measure = figures.shape.measures[0] if figures.shape.measures else None
    cards, alike = [], []
    for one in figures.groups():
        if len(one.groups) > 1:
            cards.append(_breakdown(one, measure, figures.rows))
        elif one.groups and one.groups[0][0] != "none":
            alike.append(f"{_lower(one.field.label)} {one.groups[0][0]}")
    same = tag("p", f"The same in all rows: {', '.join(alike)}.", class_="lead") if alike else None
    return section("Breakdown", "Where the rows belong.", _grid(cards), same)


def _breakdown(one: Groups, measure: Field | None, rows: int) -> Markup:
    most = max(part[1] for part in one.groups)
    heads = [one.field.label, "", "Rows", "Share"]
    lines = [
        [name, share(number, most), short(number), percent(number, rows), total]
        for name, number, total in one.groups
    ]
    if one.others:
        number, total = one.rest
        lines.append([counted(one.others, "other"), share(number, most), short(number), percent(number, rows), total])
    if measure is not None:
        heads.append(measure.label if measure.adds_up else f"Mean {_lower(measure.label)}")
        for line, number in zip(lines, [*(part[1] for part in one.groups), one.rest[0]], strict=False):
            line[4] = short(float(line[4]) if measure.adds_up else float(line[4]) / number)
    cut_lines = [line[: len(heads)] for line in lines]
    return tag("div", tag("h3", one.field.label), table(heads, {2, 3, 4}, cut_lines), class_="card parts")


def spreads(figures: Figures) -> Markup | None:
    """Show how the main measures are spread."""
    pictures = []
    for measure in figures.shape.measures:
        spread = figures.spreads[measure.name]
        if len(spread.counts) < 2:  # noqa: PLR2004  # one bar says nothing
            continue
        log = spread.is_skewed
        told = (
            f"Median {short(spread.quantile(0.5))}, mean {short(spread.mean)};"
            f" one in a hundred above {short(spread.quantile(0.99))}."
        )
        left_out = sum(count for value, count in spread.counts if value <= 0) if log else 0
        if left_out:
            told += f" {percent(left_out, spread.number)} are 0 or less and not shown."
        scale = "logarithmic scale" if log else ""
        pictures.append(
            picture(measure.label, told, charts.histogram(spread.bins(log=log), log=log, title=scale))
        )
    return section("Distribution", "Rows by the size of each measure.", _grid(pictures))


def times(figures: Figures) -> Markup | None:
    """Show what changes with time: trends, snapshots, and when things were published."""
    shape, pictures = figures.shape, []
    if shape.day is not None:
        whole, days = figures.days()
        for measure in shape.measures:
            if len(days[measure.name]) > 1:
                what = "Sum of all lists, day by day." if whole else "Mean of the lists, day by day."
                pictures.append(picture(measure.label, what, charts.line(days[measure.name])))
    else:
        for measure in shape.measures[:3]:
            points = figures.snapshots(measure)
            if len(points) > 1:
                told = "Sum over the lists that were read more than once, after each reading."
                pictures.append(picture(f"{measure.label}: snapshots", told, charts.line(points)))
    points, step = figures.published()
    if len(points) > 1 and shape.moment is not None:
        per = "month" if step > 86_400 else "day"  # noqa: PLR2004  # seconds of a day
        title = f"Rows by {_lower(shape.moment.label)}"
        pictures.append(picture(title, f"By the {per}, UTC.", charts.columns(points, step)))
    return section("Over time", "What the days have brought.", _grid(pictures))


def harvest(figures: Figures) -> Markup | None:
    """Say what was asked, when, and what it cost."""
    facts = figures.known.facts
    lines: list[tuple[str, object]] = [("Endpoint", tag("code", facts["path"]))]
    for name, number, some in figures.asked():
        few = ", ".join(cut(one, 60) for one in some)
        lines.append((label_of(name), few if number <= len(some) else f"{number:,} values: {few}, …"))
    lines += [
        (label_of(name.removeprefix("parameter ")), cut(value, _TEXT))
        for name, value in facts.items()
        if name.startswith("parameter ")
    ]
    lines += [
        ("Page size", str(facts["page_size"])),
        ("Asked", f"{moment(figures.state.first)} to {moment(figures.state.last)}"),
    ]
    asked = tag("div", tag("h3", "What was asked"), tag("dl", *(
        tag("div", tag("dt", name), tag("dd", value)) for name, value in lines
    ), class_="facts"), class_="card")  # fmt: skip
    points, step = figures.pages()
    spread, most = figures.lists()
    pictures = [asked]
    if points:
        pictures.append(picture("Pages over time", f"In steps of {took(step)}, UTC.", charts.columns(points, step)))
    if len(spread.counts) > 1:
        told = f"Median {short(spread.quantile(0.5))}, most {short(spread.counts[-1][0])}, empty {short(dict(spread.counts).get(0.0, 0))}."
        log = spread.is_skewed
        pictures.append(picture("Rows per list", told, charts.histogram(spread.bins(log=log), log=log, title="")))
        pictures.append(picture("Longest lists", "Rows of each.", charts.bars(most)))
    return section("The harvest", "What was asked and when, and what it cost.", _grid(pictures), _runs(figures))


def _runs(figures: Figures) -> Markup | None:
    runs = figures.runs()
    heads = ["Run", "Took", "Pages", "Rows", "Credits", "Uncertain", "Requests", "Per second", "Allowed"]
    rows = [
        [moment(began), took(max(0.0, ended - began)), *map(short, (pages, rows, spent, uncertain, sent)),
         short(sent / (ended - began) if ended > began else None), "unknown" if qps is None else short(qps)]
        for began, ended, pages, rows, spent, uncertain, sent, qps in runs[-_RUNS:][::-1]
    ]  # fmt: skip
    title = "Runs" if len(runs) <= _RUNS else f"The last {_RUNS} of {len(runs)} runs"
    return tag("div", tag("h3", title), table(heads, set(range(2, 9)), rows), class_="card") if rows else None


def health(figures: Figures) -> Markup | None:
    """Show what is missing, unknown, invalid or failed."""
    rows, fields = figures.rows, figures.shape.fields
    never = [one.name for one in fields if not figures.filled[one.name]]
    partly = [one for one in fields if 0 < figures.filled[one.name] < rows]
    always = len(fields) - len(never) - len(partly)
    lines = []
    for one in sorted(partly, key=lambda one: figures.filled[one.name]):
        empty = rows - figures.filled[one.name]
        lines.append([tag("code", one.name), one.doc, share(empty, rows), percent(empty, rows)])
    cards: list[Markup] = []
    if lines:
        cards.append(_card("Fields with empty values", table(["Field", "What it is", "", "Empty"], {3}, lines)))
    if never and rows:
        names = tag("ul", *(tag("li", tag("code", name)) for name in never), class_="chips")
        cards.append(_card("Fields that never came", names))
    known = {one.name for one in fields}
    for title, found in (
        ("Fields that the specification lacks", [one for one in figures.unknown if one.name not in known]),
        ("Values that did not fit, kept as they came", [one for one in figures.unknown if one.name in known]),
    ):
        if found:
            cards.append(_card(title, _unknown(found, rows)))
    rejects, failed = figures.reasons()
    for title, reasons in (("Why rows are invalid", rejects), ("Why lists failed", failed)):
        if reasons:
            cards.append(_card(title, table(["Reason", "Times"], {1}, [[why, short(n)] for why, n in reasons[:20]])))
    failures = figures.failures()
    if failures:
        told = [[tag("code", cut(one.key, 60)), str(one.bookmark.page_num), cut(one.error, 300)] for one in failures[:20]]
        cards.append(_card("Lists that failed", table(["List", "At page", "Error"], {1}, told)))
    lead = f"{always} of {counted(len(fields), 'field')} are filled in every row." if rows else "No row has come yet."
    return section("Health of the data", lead, tag("div", *cards, class_="stack") if cards else tag("p", "Nothing to report."))


def _card(title: str, inside: Markup) -> Markup:
    return tag("div", tag("h3", title), inside, class_="card")


def _unknown(found: Sequence[Unknown], rows: int) -> Markup:
    return table(["Field", "Rows", "Share", "Example"], {1, 2}, [
        [tag("code", cut(one.name, 60)), short(one.rows), percent(one.rows, rows),
         "not shown: personal data" if is_personal(one.name) else tag("code", one.example)]
        for one in found[:30]
    ])  # fmt: skip


def page(figures: Figures) -> Markup:
    """Put all sections below one another."""
    return joined(head(figures), *(
        make(figures) for make in (best, breakdowns, spreads, times, harvest, health)
    ))  # fmt: skip
