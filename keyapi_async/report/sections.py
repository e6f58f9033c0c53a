"""The sections of a report: each says in words and pictures what some of the figures are."""

from collections.abc import Iterable, Iterator, Sequence

from keyapi_async.api import endpoints
from keyapi_async.report import charts
from keyapi_async.report.fields import Field, label_of
from keyapi_async.report.figures import Figures, Spread
from keyapi_async.report.markup import DASH, Markup, cut, is_personal, moment, percent, short, tag

_BEST, _BARS, _MOST = 12, 8, 20
_SUMS = {"sum": "Sum per day.", "mean": "Mean per day.", "last": "Sum of the newest values."}


def sections(title: str, figures: Figures) -> Iterator[Markup | None]:
    """Make the sections, one after the other; None where there is nothing to show."""
    measures = [one for one in figures.measures if figures.spreads[one.name].counts]
    yield _head(title, figures, measures)
    yield _best(figures, measures)
    yield _breakdown(figures, measures[0] if measures else None)
    # How totals up to a day are spread over the days says nothing.
    shown = [one for one in measures if not (figures.day and one.sums == "last")]
    spread = [(one.label, figures.spreads[one.name]) for one in shown]
    pictures = [_histogram(label, one) for label, one in spread if len(one.counts) > 1]
    yield _section("Distribution", "Rows by the size of each measure.", _grid(pictures))
    yield _times(figures, measures)
    yield _harvest(figures)
    yield _health(figures)


def _head(title: str, figures: Figures, measures: Sequence[Field]) -> Markup:
    state, runs = figures.state, figures.runs()
    spent, uncertain = (sum(run[n] for run in runs) for n in (4, 5))
    lists = f"{short(state.done)} of {short(state.done + state.failed + state.left)}"
    items: list[Sequence[object]] = [
        ("Rows", figures.number, f"{state.rejects:,} more are invalid"),
        ("Lists read", lists, f"{state.failed:,} failed, {state.left:,} left"),
        ("Credits spent", spent, f"{uncertain:,} uncertain; {state.pages:,} pages"),
    ]
    for measure in measures[:3]:
        spread = figures.spreads[measure.name]
        median = spread.quantile(0.5)
        if measure.sums == "sum":
            items.append((measure.label, spread.total, f"all rows; median {short(median)}"))
        else:
            items.append((measure.label, median, f"median; mean {short(spread.mean)}"))
    line, class_ = f"Complete: every list was read to its end, at {moment(state.last)}.", "done"
    if state.running:
        line, class_ = f"A run is under way; what it had read at {moment(state.last)}.", "open"
    elif state.left or state.failed:
        line, class_ = f"Not complete: {state.failed:,} lists failed, {state.left:,} left.", "open"
    return tag(
        "header",
        tag("p", "KeyAPI · TikTok analytics", class_="kicker"),
        tag("h1", title),
        tag("p", figures.doc, class_="lead") if figures.doc else None,
        tag("p", line, class_=class_),
        _facts("tiles", items),
    )


def _best(figures: Figures, measures: Sequence[Field]) -> Markup | None:
    by = figures.rank or next(iter(measures), None)
    rows = figures.best(by, _BEST)
    pictures = []
    for measure in measures[:3]:
        found = figures.best(measure, _BARS)
        found = [row for row in found if isinstance(row[measure.name], (int, float))]
        named = zip(figures.labels(found), (row[measure.name] for row in found), strict=True)
        bars = [(name, value) for name, value in named if value > 0]
        if bars and bars[0][1] > bars[-1][1]:
            pictures.append(_card(f"By {measure.label}", charts.bars(bars)))
    lead = "The first ones of the ledger."
    if by:
        days = ", with its best day" if figures.day else ""
        lead = f"The table is ordered by {by.label}; each is shown once{days}."
    listed = [one for one in figures.listed if any(row[one.name] is not None for row in rows)]
    heads = [one.label for one in listed]
    lines = [[_cell(one, row[one.name]) for one in listed] for row in rows]
    table = _card(None, _table(heads, lines)) if rows and heads else None
    return _section("Best rows" if measures else "Rows", lead, _grid(pictures), table)


def _breakdown(figures: Figures, measure: Field | None) -> Markup | None:
    cards = []
    for field in figures.dimensions:
        groups = figures.groups(field)
        if len(groups) < 2:  # nothing is divided
            continue
        sums = measure is not None and measure.sums == "sum"
        what = [] if measure is None else [measure.label if sums else f"Mean {measure.label}"]
        most = max(rows for _, rows, _ in groups)
        lines = [
            (name, _share(rows, most), rows, percent(rows, figures.number), total / (sums or rows))
            for name, rows, total in groups
        ]
        heads = [field.label, "", "Rows", "Share", *what]
        cards.append(_card(None, _table(heads, lines), "card parts"))
    return _section("Breakdown", "How the rows divide.", _grid(cards, "grid wide"))


def _histogram(title: str, spread: Spread) -> Markup:
    log, middle, high = spread.is_skewed, short(spread.quantile(0.5)), short(spread.quantile(0.99))
    caption = f"Median {middle}, mean {short(spread.mean)}; 99 % are at most {high}."
    if log and spread.counts[0][0] == 0:
        caption += f" {percent(spread.counts[0][1], spread.number)} are 0, not shown."
    return _card(title, charts.histogram(spread.counts, log=log), caption=caption)


def _times(figures: Figures, measures: Sequence[Field]) -> Markup | None:
    cards = []
    for measure in measures:
        points = figures.days(measure) if figures.day else figures.snapshots(measure)
        caption = f"{_SUMS[measure.sums]} {measure.doc}"
        if not figures.day:
            caption = "Sum over the lists that were read more than once, after each reading."
        if len({value for _, value in points}) > 1:
            cards.append(_card(measure.label, charts.over_time(points), caption=caption))
    return _section("Over time", "What the days have brought, in UTC.", _grid(cards))


def _harvest(figures: Figures) -> Markup | None:
    facts, state = figures.facts, figures.state
    asked: list[Sequence[object]] = [("Endpoint", tag("code", facts["path"]))]
    for key, number, some in figures.asked:
        few = cut(_meaning(facts["path"], key, some or DASH), 90)
        asked.append((key, few if number <= 3 else f"{number:,} values, such as {few}"))  # as many
    prefix = "parameter "
    shared = ((n.removeprefix(prefix), v) for n, v in facts.items() if n.startswith(prefix))
    asked += [(name, _meaning(facts["path"], name, value)) for name, value in shared]
    when = dict.fromkeys(map(moment, (state.first, state.last)))
    asked.append(("When", " to ".join(when)))
    cards = [_card("What was asked", _facts("facts", asked))]
    step, points = figures.arrivals()
    if len(points) > 2:  # two say nothing
        cards.append(_card("Pages over time", charts.over_time(points, step)))
    if (lists := figures.lists()).number > 4 and len(lists.counts) > 1:
        cards.append(_histogram("Rows per list", lists))
    lines = []
    for began, ended, *counts, requests, qps in figures.runs()[:_MOST]:
        rate = requests / (ended - began) if ended > began else None
        took = f"{ended - began:,.1f} s"
        lines.append([moment(began), took, *counts, requests, rate, qps])
    heads = "Began|Took|Pages|Rows|Credits|Uncertain|Requests|Per second|Allowed"
    table = _card("Runs", _table(heads.split("|"), lines))
    return _section("The harvest", "What was asked, and what it cost.", _grid(cards), table)


def _health(figures: Figures) -> Markup | None:
    rows, filled = figures.number, figures.filled
    never = [tag("li", tag("code", name)) for name, number in filled.items() if not number]
    partly = sorted((number, name) for name, number in filled.items() if 0 < number < rows)
    docs = {one.name: one.doc for one in figures.fields}
    empty = [
        (tag("code", name), docs[name], _share(rows - number, rows), percent(rows - number, rows))
        for number, name in partly
    ]
    unknown: dict[bool, list[Sequence[object]]] = {True: [], False: []}
    for name, number, example in figures.unknown[:_MOST]:
        shown = "personal data, not shown" if is_personal(name) else tag("code", example)
        line = tag("code", cut(name, 60)), shown, number, percent(number, rows)
        unknown[name in filled].append(line)
    failed = [
        (cut(one.key, 60), cut(one.error, 300), one.bookmark.page_num)
        for one in figures.failures()[:_MOST]
    ]
    tables: list[tuple[str, str, Sequence[Sequence[object]]]] = [
        ("Fields with empty values", "Field|What it is||Empty", empty),
        ("Fields that the specification lacks", "Field|Example|Rows|Share", unknown[False]),
        ("Values that did not fit, kept as they came", "Field|Example|Rows|Share", unknown[True]),
        ("Why rows are invalid", "Reason|Rows", figures.reasons("reject")[:_MOST]),
        ("Why lists failed", "Reason|Lists", figures.reasons("list")[:_MOST]),
        ("Lists that failed", "List|Error|At page", failed),
    ]
    cards = [_card(title, _table(heads.split("|"), rows)) for title, heads, rows in tables if rows]
    if never and rows:
        cards.append(_card("Fields that never came", tag("ul", *never, class_="chips")))
    whole = len(filled) - len(never) - len(partly)
    lead = f"{whole} of {len(filled)} fields are filled in every row."
    return _section("Health of the data", lead, tag("div", *cards, class_="stack"))


def _meaning(path: str, name: str, value: str) -> str:
    """Write a parameter's codes as what they mean."""
    asked = [one for one in endpoints() if one.path == path]
    for one in asked:
        if one.fixed.get(name) == value:  # what such an endpoint is called tells one from another
            return f"{label_of(one.name)} ({value})"
    parameters = (parameter for one in asked for parameter in one.parameters)
    choices = next((one.kind.choices for one in parameters if name in {one.name, one.wire}), None)
    means = {str(one.value): one.name.replace("_", " ").capitalize() for one in choices or ()}
    return ", ".join(f"{means[one]} ({one})" if one in means else one for one in value.split(", "))


def _cell(field: Field, value: object) -> object:
    if value in field.choices:
        return field.choices[value]
    if field.kind in {"id", "date"} and value:
        return tag("code", cut(value, 40))
    if field.kind.startswith("moment") and value:
        return tag("code", cut(value, 99)[:10])  # the day
    if isinstance(value, str) or value is None:
        return cut(value or "", 90) or DASH
    return value


def _section(title: str, lead: str, *parts: Markup | None) -> Markup | None:
    shown = tag("section", tag("h2", title), tag("p", lead, class_="lead"), *parts)
    return shown if any(parts) else None


def _card(
    title: str | None, inside: Markup, class_: str = "card", caption: str | None = None
) -> Markup:
    head = tag("h3", title) if title else None
    return tag("div", head, inside, tag("p", caption) if caption else None, class_=class_)


def _grid(cards: Sequence[Markup], class_: str = "grid") -> Markup | None:
    return tag("div", *cards, class_=class_) if cards else None


def _facts(class_: str, lines: Iterable[Sequence[object]]) -> Markup:
    items = (
        tag("div", tag("dt", name), *(tag("dd", one) for one in values)) for name, *values in lines
    )
    return tag("dl", *items, class_=class_)


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup:
    """Make a table, numbers to the right; a narrow screen shows it row by row."""
    columns = (
        [one for one in cells if one not in {None, DASH}] for cells in zip(*rows, strict=True)
    )
    sides = ["n" if cells and all(map(_is_number, cells)) else None for cells in columns]
    lines = [
        tag("tr", *(
            tag("td", DASH if one is None else one, class_=side, data_label=name)
            for one, side, name in zip(row, sides, heads, strict=False)
        ))
        for row in rows
    ]  # fmt: skip
    names = (tag("th", name, class_=side) for name, side in zip(heads, sides, strict=False))
    return tag("table", tag("thead", tag("tr", *names)), tag("tbody", *lines))


def _is_number(cell: object) -> bool:
    return isinstance(cell, (int, float)) or str(cell).endswith(("%", " s"))


def _share(part: float, whole: float) -> Markup:
    """Draw a share as a small bar."""
    bars = (tag("rect", class_="all", width=100, height=6),
            tag("rect", width=f"{100 * part / whole:.1f}", height=6))  # fmt: skip
    return tag("svg", *bars, class_="share", viewBox="0 0 100 6", preserveAspectRatio="none",
               aria_hidden="true")  # fmt: skip
