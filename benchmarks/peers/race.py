"""The first table: what a page costs."""

import contextlib
import json
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from benchmarks.peers.roster import BARE, SDK, Peer
from benchmarks.peers.worker import ONE_PAGE, WARMING
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

    def read(self, product_id: str, streams: int, *, warm: int = WARMING) -> dict[str, float]:
        """Let it read a list, so many times at once, after some pages; give what it took."""
        given, said = self._process.stdin, self._process.stdout
        assert given is not None and said is not None  # noqa: PT018, S101  # both are pipes
        order = {"read": product_id, "streams": streams, "warm": warm}
        print(json.dumps(order), file=given, flush=True)
        line = said.readline()
        if not line:
            raise EndedError("its program has ended")
        took: dict[str, Any] = json.loads(line)
        return took


@contextlib.contextmanager
def running(workshop: Workshop, peer: Peer, base: str) -> Iterator[Runner]:
    """Start a peer's process, and end it."""
    command = [workshop.python, "-m", "benchmarks.peers.worker", peer.module, peer.loop, base, KEY]
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
) -> tuple[list[Score], dict[Peer, str]]:
    """Let the peers take turns; give their scores, and those that do not run."""
    runners: dict[Peer, Runner] = {}
    broken: dict[Peer, str] = {}
    lists = {str(pages // streams): pages // streams for streams in STREAMS}
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(nginx({ONE_PAGE: 1, **lists}))
        for peer in peers:
            runner = stack.enter_context(running(workshop, peer, base))
            try:
                runner.read(ONE_PAGE, 1)
            except EndedError as error:
                broken[peer] = str(error)
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


def beginnings(
    workshop: Workshop, peers: Sequence[Peer], rounds: int
) -> dict[Peer, tuple[float, float]]:
    """Start each peer anew, in turns; give seconds of CPU and of a clock to the first row."""
    took: dict[Peer, list[tuple[float, float]]] = {peer: [] for peer in peers}
    with nginx({ONE_PAGE: 1}) as base:
        for _ in range(rounds):
            for peer, times in took.items():
                begin = time.perf_counter()
                with running(workshop, peer, base) as runner:
                    cpu = runner.read(ONE_PAGE, 1, warm=0)["all"]
                    times.append((cpu, time.perf_counter() - begin))
    return {
        peer: (statistics.median(cpu for cpu, _ in times), statistics.median(s for _, s in times))
        for peer, times in took.items()
    }


def table_of_beginnings(
    workshop: Workshop, took: Mapping[Peer, tuple[float, float]]
) -> Iterator[str]:
    """Write what it takes to begin."""
    yield "to the first row, imports included: CPU, and time / what is installed"
    for peer, (cpu, seconds) in took.items():
        yield (
            f"{peer.title:24}{cpu * 1000:7.0f} ms{seconds * 1000:8.0f} ms"
            f" /{workshop.size(peer):6.1f} MB"
        )


def table(scores: Sequence[Score], unmade: Mapping[Peer, str]) -> Iterator[str]:
    """Write the table, with the ratios to this client."""
    ours = next(score for score in scores if score.peer is SDK)
    yield f"CPU of a page in µs / times that of {SDK.title}, by streams;"
    yield f"pages a second at {SHOWN} streams; peak memory in MiB"
    heads = [f"{f'{n} at a time':>15}" for n in STREAMS]
    yield f"{'':30}{'rows':9}{''.join(heads)}{'pages/s':>9}{'memory':>8}"
    for score in scores:
        cells = [f"{score.cpu(n):9.0f} /{score.cpu(n) / ours.cpu(n):5.2f}" for n in STREAMS]
        yield (
            f"{score.peer.title:30}{score.peer.rows:9}{''.join(f'{cell:>15}' for cell in cells)}"
            f"{score.rate():9.0f}{score.peak:8.0f}"
        )
    found = {(score.peer.module, score.peer.loop): score for score in scores}
    for (module, loop), score in found.items():
        if module == SDK.module and (bare := found.get((BARE.module, loop))) is not None:
            times = ", ".join(f"{score.cpu(n) / bare.cpu(n):.2f}" for n in STREAMS)
            yield f"{score.peer.title} takes {times} times the CPU of {bare.peer.title}"
    for peer, why in unmade.items():
        yield f"left out: {peer.title}: {why}"
