"""The second table: how close each comes to a limit, and how many 429s it meets."""

import asyncio
import contextlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.peers.roster import Peer
from benchmarks.peers.workshop import ROOT, Workshop
from keyapi_async.sandbox import Sandbox, Window

QPS = 20.0
LISTS = 400
"""Products whose lists are read, one after the other and over again."""

Results = Mapping[Window, Sequence[tuple[float, int]]]
"""For each window and peer: the use of the limit in %, and the 429s."""


async def limited(workshop: Workshop, peers: Sequence[Peer], seconds: int) -> Results:
    """Measure all peers at once, for one window after the other."""
    return {
        window: await asyncio.gather(*(_measure(workshop, peer, window, seconds) for peer in peers))
        for window in Window
    }


async def _measure(
    workshop: Workshop, peer: Peer, window: Window, seconds: int
) -> tuple[float, int]:
    async with Sandbox(qps=QPS, window=window, latency=peer.latency) as box:
        order = {"roam": box.product_ids(LISTS), "streams": peer.streams}
        process = await asyncio.create_subprocess_exec(
            workshop.python,
            *("-m", "benchmarks.peers.worker", peer.module, peer.loop),
            *(box.url, box.api_key, str(QPS)),
            stdin=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=workshop.environment,
        )
        assert process.stdin is not None  # noqa: S101  # it is a pipe
        process.stdin.write(json.dumps(order).encode() + b"\n")
        try:
            while not box.requests:
                if process.returncode is not None:
                    raise RuntimeError(f"{peer.title} has ended")
                await asyncio.sleep(0.05)
            # Whole seconds of the server's clock: a part of one could be used up, and flatter.
            begin = math.ceil(box.requests[0].at)
            end = begin + seconds
            while asyncio.get_running_loop().time() < end:
                await asyncio.sleep(0.1)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        asked = [one.status for one in box.requests if begin <= one.at < end]
    return 100 * asked.count(200) / (QPS * seconds), asked.count(429)


def table(peers: Sequence[Peer], results: Results, seconds: int) -> Iterator[str]:
    """Write the table."""
    yield f"use of a limit of {QPS:g} queries a second in % / 429s in {seconds} s"
    heads = [f"{window:>11}" for window in results]
    yield f"{'':26}{'':46}{''.join(heads)}"
    for row, peer in enumerate(peers):
        cells = [f"{column[row][0]:3.0f} / {column[row][1]:3}" for column in results.values()]
        yield f"{peer.title:26}{peer.manner:46}{''.join(f'{cell:>11}' for cell in cells)}"
