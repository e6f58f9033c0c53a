"""The command line in this process: what it is given, and what it says."""

import io
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from keyapi_async.api.endpoint import Endpoint
from keyapi_async.cli.app import run
from keyapi_async.cli.arguments import sample
from keyapi_async.sandbox import Sandbox
from tests.cli.conftest import KEY

RANKING = ("influencer", "ranking", "--region", "us", "--rank-type", "month",
    "--influencer-rank-field", "total-followers-cnt")  # fmt: skip


class Terminal(io.StringIO):
    """What a program takes for a terminal."""

    def isatty(self) -> bool:
        return True


@attrs.frozen
class Result:
    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, str]:
        """What was said in two columns."""
        pairs = (line.partition("  ") for line in self.out.splitlines())
        return {name: value.strip() for name, _, value in pairs}


def invoke(*args: str) -> Result:
    """Run a command; see that neither the key nor anything that a terminal obeys is shown."""
    raw = io.BytesIO(), io.BytesIO()
    out, err = (io.TextIOWrapper(one, "utf-8", newline="", write_through=True) for one in raw)
    with redirect_stdout(out), redirect_stderr(err):
        code = run(args)
    result = Result(code, *(one.getvalue().decode() for one in raw))
    for text in (result.out, result.err):
        assert KEY not in text
        assert "\x1b]" not in text
        assert "\x9b" not in text
    return result


def value_of(box: Sandbox, endpoint: Endpoint) -> str:
    """Give a value that leads to rows, for the parameter that says what a list is of."""
    if endpoint.resource in {"category", "search"}:
        return "601450" if endpoint.resource == "category" else "a"
    ids = {"product": box.product_ids, "video": box.video_ids, "influencer": box.user_ids}
    return ids.get(endpoint.resource, box.seller_ids)(2)[1]


def arguments(box: Sandbox, endpoint: Endpoint, *, files: bool = False) -> list[str]:
    """Give arguments with which an endpoint has rows."""
    args = shlex.split(sample(endpoint, files=files))
    known = dict(zip(("1729492547846767618", "yoga"), [value_of(box, endpoint)] * 2, strict=True))
    last = datetime.now(UTC).date().replace(day=1) - timedelta(days=1)
    days = {"--start-date": last.replace(day=1), "--end-date": last, "--date": last}
    for n, (name, value) in enumerate(zip(["", *args], args, strict=False)):
        args[n] = str(days.get(name, known.get(value, value)))
    return args


def uninstall(monkeypatch: pytest.MonkeyPatch, missing: str, package: str) -> None:
    """Let a module be missing for a package, which is imported anew, and at the end as it was."""
    names = [one for one in sys.modules if one.startswith((package, f"{missing}."))]
    for name in names:
        monkeypatch.setattr(name, sys.modules[name])  # as what it is part of knows it
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)


@contextmanager
def when(true: Callable[[], bool], act: Callable[[], object]) -> Iterator[None]:
    """Do something in another thread, meanwhile, as soon as something else is so."""

    def wait() -> None:
        while not true():
            time.sleep(0.005)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    yield
    thread.join()


def interrupt(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)
