"""``keyapi-async sandbox``: a KeyAPI of one's own, until Ctrl-C."""

import asyncio
import os
import sys
from typing import Annotated

import typer

from keyapi_async.cli.exits import InputError
from keyapi_async.cli.options import positive
from keyapi_async.cli.terminal import console
from keyapi_async.sandbox import Sandbox, Window

FORGET_AFTER = 1.0
"""Seconds for which the sandbox remembers what it was asked; it may run for months."""


def sandbox(
    *,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port; 0 for any.")
    ] = 8080,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Loopback address to listen on.")
    ] = "127.0.0.1",
    qps: Annotated[
        float | None,
        typer.Option(metavar="N", callback=positive, help="Queries a second; any if not given."),
    ] = None,
    window: Annotated[Window, typer.Option(help="How they are counted.")] = Window.FIXED,
    credits_: Annotated[
        int | None,
        typer.Option("--credits", metavar="N", min=0, help="Answers paid for; any if not given."),
    ] = None,
    latency: Annotated[
        float, typer.Option(metavar="N", min=0, max=60, help="Seconds before each answer.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Which data set.")] = 0,
) -> None:
    """Serve a KeyAPI with made-up data on this machine, until Ctrl-C.

    It checks, bills and limits as the real one does.
    """
    try:
        box = Sandbox(
            host=host, port=port, qps=qps, window=window, credits=credits_, latency=latency,
            seed=seed,
        )  # fmt: skip
    except ValueError as error:
        raise InputError(str(error)) from error
    asyncio.run(_serve(box, f"port {port} of {host}"))


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
