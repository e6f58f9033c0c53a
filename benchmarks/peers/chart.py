"""The chart: CPU of a page as bars."""

from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.peers.race import SHOWN, Score
from benchmarks.peers.roster import SDK

WIDTH = 840
LEFT, RIGHT, TOP, STEP, BAR = 220, 620, 84, 34, 20
"""Where bars begin, where the longest ends, where the first is, and their distance and height."""

STYLE = """
  text { font-family: -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 15px;
         fill: #c9d1d9 }
  .title { font-size: 18px; font-weight: 600; fill: #f0f6fc }
  .small { font-size: 12px; fill: #9aa4af }
  .ours { font-weight: 600; fill: #f0f6fc }
  .bar { fill: #57606a }
  .our-bar { fill: #3fb950 }
"""


def chart(scores: Sequence[Score], conditions: Sequence[str]) -> str:
    """Draw the bars, the cheapest first, on a card that any background leaves readable."""
    ordered = sorted(scores, key=lambda score: score.cpu())
    height = TOP + STEP * len(ordered) + 18 * len(conditions) + 22
    return "\n".join(_lines(ordered, conditions, height)) + "\n"


def _lines(scores: Sequence[Score], conditions: Sequence[str], height: int) -> Iterator[str]:
    ours = next(score.cpu() for score in scores if score.peer is SDK)
    most = scores[-1].cpu()
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" role="img" aria-labelledby="title">'
    )
    yield f"<style>{STYLE}</style>"
    yield f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#161b22"/>'
    yield '<text class="title" id="title" x="24" y="36">CPU time to read a page of ten rows</text>'
    yield (
        f'<text class="small" x="24" y="58">microseconds a page, {SHOWN} streams at a time;'
        " shorter is better</text>"
    )
    for place, score in enumerate(scores):
        yield from _bar(score, TOP + STEP * place, score.cpu() / most, score.cpu() / ours)
    for place, line in enumerate(conditions):
        below = TOP + STEP * len(scores) + 18 * (place + 1)
        yield f'<text class="small" x="24" y="{below}">{escape(line)}</text>'
    yield "</svg>"


def _bar(score: Score, top: int, share: float, times: float) -> Iterator[str]:
    """Draw one: its name, its length as a share of the longest, and its figures."""
    base, length = top + BAR - 5, max(2.0, (RIGHT - LEFT) * share)
    name, bar, figures = "theirs", "bar", f"{score.cpu():,.0f} µs"
    if score.peer is SDK:
        name, bar = "ours", "our-bar"
    else:
        figures += f" · {times:.{1 if times >= 1.95 else 2}f} times"
    title = escape(score.peer.title)
    yield f'<text class="{name}" x="{LEFT - 12}" y="{base}" text-anchor="end">{title}</text>'
    yield (
        f'<rect class="{bar}" x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR}" rx="3"/>'
        f'<text class="{name}" x="{LEFT + length + 10:.1f}" y="{base}">{figures}</text>'
    )
