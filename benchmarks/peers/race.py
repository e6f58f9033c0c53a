"""The first table: what a page costs."""

import contextlib
import json
import random
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from benchmarks.peers.roster import BARE, SDK, Peer
from benchmarks.peers.worker import ONE_PAGE
from benchmarks.peers.workshop import ROOT, Workshop
from benchmarks.serving import KEY, nginx

STREAMS = (1, 4, 16, 64)
SHOWN = 16
"""The number of streams at which peers are compared."""


@attrs.frozen
class Turn:
    """What a peer took to read the pages once.

    Attributes:
        cpu: µs of CPU a page.
        rate: pages a second.
    """

    cpu: float
    rate: float


@attrs.define
class Score:
    """What a peer took in all.

    Attributes:
        peak: largest resident memory, in MiB.
        turns: its measured turns, for each number of streams.
    """

    peer: Peer
    peak: float = 0.0
    turns: dict[int, list[Turn]] = attrs.field(factory=lambda: {n: [] for n in STREAMS})

    def cpu(self, streams: int = SHOWN) -> float:
        """µs of CPU a page, the median."""
        return statistics.median(turn.cpu for turn in self.turns[streams])

    def rate(self, streams: int = SHOWN) -> float:
        """Pages a second, the median."""
        return statistics.median(turn.rate for turn in self.turns[streams])


class EndedError(Exception):
    """A peer's process has ended before it should."""


class Runner:
    """A peer's process, which reads when it is told to."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def read(self, product_id: str, streams: int) -> dict[str, float]:
        """Let it read a list, so many times at once; give what it took."""
        given, said = self._process.stdin, self._process.stdout
        assert given is not None and said is not None  # noqa: PT018, S101  # both are pipes
        print(json.dumps({"read": product_id, "streams": streams}), file=given, flush=True)
        line = said.readline()
        if not line:
            raise EndedError("its program has ended")
        took: dict[str, Any] = json.loads(line)
        return took


@contextlib.contextmanager
def running(workshop: Workshop, peer: Peer, base: str) -> Iterator[Runner]:
    """Start a peer's process, and end it."""
    command = [workshop.python, "-m", "benchmarks.peers.worker", peer.module, base, KEY]
    with subprocess.Popen(  # noqa: S603  # our own program
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=workshop.environment,
    ) as process:
        yield Runner(process)


def race(
    workshop: Workshop,
    peers: Sequence[Peer],
    *,
    rounds: int,
    pages: int,
    tell: Callable[[str], None],
) -> tuple[list[Score], dict[str, str]]:
    """Let the peers take turns; give their scores, and the modules that do not run."""
    runners: dict[Peer, Runner] = {}
    broken: dict[str, str] = {}
    lists = {str(pages // streams): pages // streams for streams in STREAMS}
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(nginx({ONE_PAGE: 1, **lists}))
        for peer in peers:
            runner = stack.enter_context(running(workshop, peer, base))
            try:
                runner.read(ONE_PAGE, 1)
            except EndedError as error:
                broken[peer.module] = str(error)
            else:
                runners[peer] = runner
        scores = [Score(peer) for peer in runners]
        dice = random.Random(0)
        for turn in range(rounds + 1):
            tell(f"round {turn} of {rounds}")
            for streams in STREAMS:
                for score in dice.sample(scores, len(scores)):  # whom one follows may matter
                    runner = runners[score.peer]
                    _take_turn(score, runner, streams, pages // streams, warm=turn > 0)
    return scores, broken


def _take_turn(score: Score, runner: Runner, streams: int, pages: int, *, warm: bool) -> None:
    took = runner.read(str(pages), streams)
    if took["rows"] != streams * (pages * 10 - 1):
        raise RuntimeError(f"{score.peer.title} read {took['rows']:.0f} rows")
    score.peak = took["peak"]
    if warm:
        read = streams * pages
        score.turns[streams].append(Turn(took["cpu"] / read * 1e6, read / took["seconds"]))


def table(scores: Sequence[Score], unmade: Mapping[str, str]) -> Iterator[str]:
    """Write the table, with the ratios to this client."""
    ours = next(score for score in scores if score.peer is SDK)
    yield f"CPU of a page in µs / times that of {SDK.title}, by streams;"
    yield f"pages a second at {SHOWN} streams; peak memory in MiB"
    heads = [f"{f'{n} at a time':>15}" for n in STREAMS]
    yield f"{'':24}{'rows':9}{''.join(heads)}{'pages/s':>9}{'memory':>8}"
    for score in scores:
        cells = [f"{score.cpu(n):9.0f} /{score.cpu(n) / ours.cpu(n):5.2f}" for n in STREAMS]
        yield (
            f"{score.peer.title:24}{score.peer.rows:9}{''.join(f'{cell:>15}' for cell in cells)}"
            f"{score.rate():9.0f}{score.peak:8.0f}"
        )
    for bare in (score for score in scores if score.peer is BARE):
        times = ", ".join(f"{ours.cpu(n) / bare.cpu(n):.2f}" for n in STREAMS)
        yield f"{SDK.title} takes {times} times the CPU of {BARE.title}"
    for module, why in unmade.items():
        yield f"left out: {module}: {why}"
