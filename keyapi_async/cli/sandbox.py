"""``keyapi-async sandbox``: a KeyAPI of one's own, until Ctrl-C."""

import asyncio
import os
import sys
from collections.abc import Callable

import attrs

from keyapi_async.cli.exits import InputError
from keyapi_async.cli.options import option, positive, with_options
from keyapi_async.cli.terminal import console
from keyapi_async.sandbox import Sandbox, Window

FORGET_AFTER = 1.0
"""Seconds for which the sandbox remembers what it was asked; it may run for months."""


@attrs.frozen(kw_only=True)
class SandboxOptions:
    """What a sandbox is like."""

    port: int = option(8080, "Port; 0 for any.", "N", min=0, max=65535)
    host: str = option("127.0.0.1", "Loopback address to listen on.", "ADDRESS")
    qps: float | None = option(None, "Queries a second; any if not given.", "N", callback=positive)
    window: Window = option(Window.FIXED, "How they are counted.")
    credits: int | None = option(None, "Answers paid for; any if not given.", "N", min=0)
    latency: float = option(0.0, "Seconds before each answer.", "N", min=0, max=60)
    seed: int = option(0, "Which data set.", "N", min=0)


def _sandbox(_: object, how: SandboxOptions) -> None:
    """Serve a KeyAPI with made-up data on this machine, until Ctrl-C.

    It checks, bills and limits as the real one does.
    """
    try:
        box = Sandbox(**attrs.asdict(how))
    except ValueError as error:
        raise InputError(str(error)) from error
    asyncio.run(_serve(box, f"port {how.port} of {how.host}"))


sandbox: Callable[..., None] = with_options(SandboxOptions, _sandbox)


async def _serve(box: Sandbox, where: str) -> None:
    try:
        await box.start()
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()  # asyncio's own text names the address too
        raise InputError(f"cannot listen on {where} ({reason}): choose another --port") from error
    try:
        console(sys.stdout).print(
            f"KeyAPI sandbox on {box.url}, its key is {box.api_key}. Ctrl-C ends it.\n\n"
            f"  export KEYAPI_BASE_URL={box.url} KEYAPI_TOKEN={box.api_key}\n"
            "  python your_program.py    # KeyAPI() reads both\n",
            soft_wrap=True,
        )
        while True:
            await asyncio.sleep(FORGET_AFTER)
            box.requests.clear()
    finally:
        await box.stop()
