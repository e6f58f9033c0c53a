"""What the examples print, each run as a program against a sandbox.

``python -m tests.docs.outputs`` writes the files that the site shows.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

from keyapi_async.sandbox import Sandbox
from tests.docs.pages import ROOT

EXAMPLES = ROOT / "examples"
OUTPUTS = ROOT / "docs" / "examples" / "output"
PROGRAMS = {
    "rising": ("US", "Beauty & Personal Care"),
    "shortlist": ("1729492547846767618",),
    "shop": ("7494833496812981001", "2026-10-01", "2026-10-28"),
    "competitor": ("@mrmnaznrm_",),
    "watch": ("products.txt", "2026-11-15"),
    "cluster": ("few.txt",),
}
TODAY = date(2026, 11, 21)
"""The sandbox's; from one day to the next, trends have a day more."""
CREATORS = "/v1/tiktok/product/creators/analytics"


def environment(box: Sandbox) -> dict[str, str]:
    """Give the variables that lead a program to a sandbox."""
    return {**os.environ, "KEYAPI_TOKEN": box.api_key, "KEYAPI_BASE_URL": box.url}


def write_ids(box: Sandbox, folder: Path) -> None:
    """Write the files of ids that the examples are given."""
    ids = box.product_ids(60)
    few = [one for one in ids if 0 < len(box.rows(CREATORS, product_id=one)) < 60][:6]
    (folder / "products.txt").write_text("\n".join(ids))
    (folder / "few.txt").write_text("\n".join(few))


def printed(name: str, variables: Mapping[str, str], folder: Path) -> str:
    """Run an example, and give what it printed."""
    command = (sys.executable, str(EXAMPLES / f"{name}.py"), *PROGRAMS[name])
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)  # noqa: PLW1510, S603
    if done.returncode or done.stderr:
        raise AssertionError(f"{name} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


async def executed(variables: Mapping[str, str]) -> str:
    """Run the notebook, and give what its cells show."""
    notebook = nbformat.read(EXAMPLES / "explore.ipynb", as_version=4)
    no_ports = Config({"KernelManager": {"transport": "ipc"}})
    client = NotebookClient(notebook, timeout=60, config=no_ports)
    await client.async_execute(env=dict(variables))
    texts = [
        output.get("text") or output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    ]
    return "\n\n".join(text.rstrip() for text in texts) + "\n"


async def all_outputs(folder: Path) -> dict[str, str]:
    """Run all of it side by side."""
    async with Sandbox(today=TODAY) as box:
        write_ids(box, folder)
        variables = environment(box)
        programs = asyncio.gather(
            *(asyncio.to_thread(printed, name, variables, folder) for name in PROGRAMS)
        )
        shown = await executed(variables)
        return {**dict(zip(PROGRAMS, await programs, strict=True)), "explore": shown}


def main() -> None:
    OUTPUTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in asyncio.run(all_outputs(Path(folder))).items():
            (OUTPUTS / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
