"""The sections of a report: each says in words and pictures what some of the figures are."""

from collections.abc import Iterable, Iterator, Sequence

from keyapi_async.report import charts
from keyapi_async.report.fields import NUMBERS, Field
from keyapi_async.report.figures import Figures, Spread
from keyapi_async.report.markup import DASH, Markup, cut, is_personal, moment, percent, short, tag

_BEST, _BARS, _MOST = 12, 8, 20


def sections(title: str, figures: Figures) -> Iterator[Markup | None]:
    """Make the sections, one after the other; None where there is nothing to show."""
    measures = [one for one in figures.measures if figures.spreads[one.name].counts]
    yield _head(title, figures, measures)
    yield _best(figures, measures)
    yield _breakdown(figures, measures[0] if measures else None)
    spread = [(one.label, figures.spreads[one.name]) for one in measures]
    pictures = [_spread(label, one) for label, one in spread if len(one.counts) > 1]
    yield _section("Distribution", "Rows by the size of each measure.", _grid(pictures))
    yield _times(figures, measures)
    yield _harvest(figures)
    yield _health(figures)


def _head(title: str, figures: Figures, measures: Sequence[Field]) -> Markup:
    state, runs = figures.state, figures.runs()
    spent, uncertain = (sum(run[n] for run in runs) for n in (4, 5))
    lists = f"{short(state.done)} of {short(state.done + state.failed + state.left)}"
    items = [
        ("Rows", short(figures.number), f"{state.rejects:,} more are invalid"),
        ("Lists read", lists, f"{state.failed:,} failed, {state.left:,} left"),
        ("Credits spent", short(spent), f"{uncertain:,} uncertain; {state.pages:,} pages"),
    ]
    for measure in measures[:3]:
        spread = figures.spreads[measure.name]
        median, mean = short(spread.quantile(0.5)), short(spread.total / spread.number)
        if measure.adds_up:
            items.append((measure.label, short(spread.total), f"all rows; median {median}"))
        else:
            items.append((measure.label, median, f"median; mean {mean}"))
    told, class_ = f"Complete: every list was read to its end, at {moment(state.last)}.", "done"
    if state.running:
        told, class_ = f"A run is under way; what it had read at {moment(state.last)}.", "open"
    elif state.left or state.failed:
        told, class_ = f"Not complete: {state.failed:,} lists failed, {state.left:,} left.", "open"
    return tag(
        "header",
        tag("p", "KeyAPI · TikTok analytics", class_="kicker"),
        tag("h1", title),
        tag("p", figures.doc, class_="lead") if figures.doc else None,
        tag("p", told, class_=class_),
        _facts("tiles", items),
    )


def _best(figures: Figures, measures: Sequence[Field]) -> Markup | None:
    rows = figures.best(measures[0] if measures else None, _BEST)
    pictures = []
    for measure in measures[:3]:
        found = rows if measure is measures[0] else figures.best(measure, _BARS)
        bars = [(figures.label(row), row[measure.name]) for row in found[:_BARS]]
        bars = [(name, value) for name, value in bars if isinstance(value, (int, float))]
        if bars and bars[0][1] > max(0, bars[-1][1]):
            pictures.append(_card(f"By {measure.label}", charts.bars(bars)))
    lead = "The first ones of the ledger."
    if measures:
        days = ", with its best day" if figures.day else ""
        lead = f"By {measures[0].label}; each thing is shown once{days}."
    heads = [(one.label, one.kind in NUMBERS) for one in figures.columns]
    lines = [[_cell(one, row[one.name]) for one in figures.columns] for row in rows]
    table = _card(None, _table(heads, lines)) if rows and heads else None
    return _section("Best rows" if measures else "Rows", lead, _grid(pictures), table)


def _breakdown(figures: Figures, measure: Field | None) -> Markup | None:
    cards, same = [], []
    for field in figures.parts:
        groups = figures.groups(field)
        if len(groups) == 1 and groups[0][0] != "none":
            same.append(f"{field.label} {groups[0][0]}")
        if len(groups) < 2:  # nothing is divided
            continue
        most = max(rows for _, rows, _ in groups)
        heads = [(field.label, False), ("", False), ("Rows", True), ("Share", True)]
        lines: list[list[object]] = [
            [name, _share(rows, most), short(rows), percent(rows, figures.number)]
            for name, rows, _ in groups
        ]
        if measure:
            heads.append((measure.label if measure.adds_up else f"Mean {measure.label}", True))
            for line, (_, rows, total) in zip(lines, groups, strict=True):
                line.append(short(total if measure.adds_up else total / rows))
        cards.append(_card(field.label, _table(heads, lines), "card parts"))
    alike = tag("p", f"The same in all rows: {', '.join(same)}.", class_="lead") if same else None
    return _section("Breakdown", "How the rows divide.", _grid(cards, "grid wide"), alike)


def _spread(title: str, spread: Spread) -> Markup:
    log, middle, high = spread.is_skewed, short(spread.quantile(0.5)), short(spread.quantile(0.99))
    told = f"Median {middle}, mean {short(spread.total / spread.number)}; 1 % are above {high}."
    if log and spread.counts[0][0] == 0:
        told += f" {percent(spread.counts[0][1], spread.number)} are 0, and not shown."
    return _card(title, charts.histogram(spread.counts, log=log), caption=told)


def _times(figures: Figures, measures: Sequence[Field]) -> Markup | None:
    cards = []
    how, days = figures.days()
    for measure in measures:
        points = days[measure.name] if days else figures.snapshots(measure)
        told = f"{how} over the lists, day by day. {measure.doc}"
        if not days:
            told = "Sum over the lists that were read more than once, after each reading."
        if len(points) > 1:
            cards.append(_card(measure.label, charts.over_time(points, "line"), caption=told))
    if figures.moment and len(points := figures.moments()) > 1:
        label, doc = figures.moment.label, figures.moment.doc
        cards.append(_card(f"Rows by {label}", charts.over_time(points, "bar"), caption=doc))
    return _section("Over time", "What the days have brought, in UTC.", _grid(cards))


def _harvest(figures: Figures) -> Markup | None:
    facts, state = figures.facts, figures.state
    asked: list[Sequence[object]] = [("Endpoint", tag("code", facts["path"]))]
    for key, number, some in figures.asked:
        few = cut(some or DASH, 90)
        asked.append((key, few if number <= 3 else f"{number:,} values, such as {few}"))  # as many
    prefix = "parameter "
    asked += [(n.removeprefix(prefix), v) for n, v in facts.items() if n.startswith(prefix)]
    asked.append(("When", f"{moment(state.first)} to {moment(state.last)}"))
    cards = [_card("What was asked", _facts("facts", asked))]
    if len(points := figures.arrivals()) > 2:  # two say nothing
        cards.append(_card("Pages over time", charts.over_time(points, "bar")))
    if len((lists := figures.lists()).counts) > 1:
        cards.append(_spread("Rows per list", lists))
    lines = []
    for began, ended, *counts, requests, qps in figures.runs()[:_MOST]:
        rate = requests / (ended - began) if ended > began else None
        took = f"{ended - began:,.1f} s"
        lines.append([moment(began), took, *map(short, (*counts, requests, rate, qps))])
    heads = ("Took", "Pages", "Rows", "Credits", "Uncertain", "Requests", "A second", "Allowed")
    table = _card("Runs", _table([("Began", False), *((one, True) for one in heads)], lines))
    return _section("The harvest", "What was asked, and what it cost.", _grid(cards), table)


def _health(figures: Figures) -> Markup | None:
    rows, filled = figures.number, figures.filled
    never = [tag("li", tag("code", name)) for name, number in filled.items() if not number]
    partly = [one for one in figures.fields if 0 < filled[one.name] < rows]
    empty = []
    for one in sorted(partly, key=lambda one: filled[one.name]):
        lack = rows - filled[one.name]
        empty.append([tag("code", one.name), one.doc, _share(lack, rows), percent(lack, rows)])
    lacking: list[list[object]] = []
    misfits: list[list[object]] = []
    for name, number, example in figures.unknown[:_MOST]:
        shown = "personal data, not shown" if is_personal(name) else tag("code", example)
        line: list[object] = [
            tag("code", cut(name, 60)),
            shown,
            short(number),
            percent(number, rows),
        ]
        (misfits if name in filled else lacking).append(line)
    failed = [(cut(one.key, 60), cut(one.error, 300), short(one.bookmark.page_num))
              for one in figures.failures()[:_MOST]]  # fmt: skip
    why = {one: [(told, short(n)) for told, n in figures.reasons(one)[:_MOST]]
           for one in ("reject", "list")}  # fmt: skip
    field = (("Field", False), ("Example", False), ("Rows", True), ("Share", True))
    tables: tuple[tuple[str, Sequence[tuple[str, bool]], Sequence[Sequence[object]]], ...] = (
        (
            "Fields with empty values",
            (field[0], ("What it is", False), ("", False), ("Empty", True)),
            empty,
        ),
        ("Fields that the specification lacks", field, lacking),
        ("Values that did not fit, kept as they came", field, misfits),
        ("Why rows are invalid", (("Reason", False), field[2]), why["reject"]),
        ("Why lists failed", (("Reason", False), ("Lists", True)), why["list"]),
        ("Lists that failed", (("List", False), ("Error", False), ("At page", True)), failed),
    )
    cards = [_card(title, _table(heads, lines)) for title, heads, lines in tables if lines]
    if never and rows:
        cards.append(_card("Fields that never came", tag("ul", *never, class_="chips")))
    whole = len(filled) - len(never) - len(partly)
    lead = f"{whole} of {len(filled)} fields are filled in every row."
    return _section("Health of the data", lead, tag("div", *cards, class_="stack"))


def _cell(field: Field, value: object) -> object:
    if value in field.choices:
        return field.choices[value]
    if field.kind in {"id", "date"} and value:
        return tag("code", cut(value, 40))
    return (cut(value, 90) or DASH) if isinstance(value, str) else short(value)


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
        tag("div", tag("dt", name), *(tag("dd", one) for one in told)) for name, *told in lines
    )
    return tag("dl", *items, class_=class_)


def _table(heads: Sequence[tuple[str, bool]], rows: Iterable[Sequence[object]]) -> Markup:
    """Make a table of columns, numbers to the right; a narrow screen shows it row by row."""
    sides = [(name, "n" if is_number else None) for name, is_number in heads]
    lines = [tag("tr", *(tag("th", name, class_=side, scope="col") for name, side in sides))]
    for row in rows:
        cells = zip(row, sides, strict=True)
        lines.append(tag("tr", *(tag("td", c, class_=s, data_label=n) for c, (n, s) in cells)))
    return tag("table", tag("thead", lines[0]), tag("tbody", *lines[1:]))


def _share(part: float, whole: float) -> Markup:
    """Draw a share as a small bar."""
    bars = (tag("rect", class_="all", width=100, height=6),
            tag("rect", width=f"{100 * part / whole:.1f}", height=6))  # fmt: skip
    return tag("svg", *bars, class_="share", viewBox="0 0 100 6", preserveAspectRatio="none",
               aria_hidden="true")  # fmt: skip
