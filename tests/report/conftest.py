"""A headless Chromium, spoken to in its DevTools protocol: what a page does, and how it looks."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_SWITCHES = ["--headless=new", "--disable-gpu", "--remote-debugging-port=0", "about:blank"]
_SWITCHES += ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []

LOOK = r"""(() => {
  const wrong = [], root = document.documentElement;
  if (root.scrollWidth > innerWidth) wrong.push(`page of ${root.scrollWidth} in ${innerWidth}`);
  const parts = (text) => text.match(/[\d.]+/g).map(Number);
  const light = (text) => {
    const [r, g, b] = parts(text).slice(0, 3).map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    const color = one ? getComputedStyle(one).backgroundColor : "rgb(255, 255, 255)";
    return parts(color)[3] === 0 ? behind(one.parentElement) : color;
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, one = node.parentElement, head = one.closest("thead");
    if (!node.data.trim() || (head && getComputedStyle(head).position === "absolute")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    const around = (one.closest(".card, .tiles") || root).getBoundingClientRect();
    if (box.left < around.left - 1 || box.right > around.right + 1) wrong.push(`cut: ${node.data}`);
    const style = getComputedStyle(one);
    const pair = [one.closest("svg") ? style.fill : style.color, behind(one)].map(light);
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (!(contrast >= 4.5)) wrong.push(`contrast ${contrast.toFixed(1)}: ${node.data}`);
  }
  return wrong;
})()"""
"""What is wrong with how a page looks: what is wider than its place, and text of low contrast."""


async def look_at(address: str, file: Path) -> list[str]:
    """List what a page says, asks for and shows that it should not, small and in the dark."""
    events: list[dict[str, Any]] = []
    wrong: list[str] = []
    async with aiohttp.ClientSession(address) as session:
        async with session.get("/json") as answer:
            where = next(one for one in await answer.json() if one["type"] == "page")
        async with session.ws_connect(where["webSocketDebuggerUrl"], max_msg_size=0) as socket:

            async def call(method: str, **params: object) -> Any:
                await socket.send_json({"id": 1, "method": method, "params": params})
                while "id" not in (answer := await socket.receive_json(timeout=20)):
                    events.append(answer)
                return answer["result"]

            for domain in ("Page", "Runtime", "Log", "Network"):
                await call(f"{domain}.enable")
            for scheme, width in ("light", 390), ("dark", 1280):
                feature = {"name": "prefers-color-scheme", "value": scheme}
                await call("Emulation.setEmulatedMedia", features=[feature])
                size = {"width": width, "height": 900, "deviceScaleFactor": 1}
                await call("Emulation.setDeviceMetricsOverride", **size, mobile=width < 500)
                events.clear()
                await call("Page.navigate", url=file.as_uri())
                while not any(one["method"] == "Page.loadEventFired" for one in events):
                    events.append(await socket.receive_json(timeout=20))
                look = await call("Runtime.evaluate", expression=LOOK, returnByValue=True)
                wrong += look["result"]["value"]
                for one in events:
                    if one["method"] in {"Log.entryAdded", "Runtime.consoleAPICalled"}:
                        wrong.append(str(one["params"]))
                    if one["method"] == "Network.requestWillBeSent":
                        url = one["params"]["request"]["url"]
                        wrong += [] if url in {file.as_uri(), "data:,"} else [f"asks for {url}"]
    return wrong


@pytest.fixture(scope="session")
def wrong_with() -> Iterator[Callable[[Path], list[str]]]:
    """Give a function that lists what a browser finds wrong with a page; without one, nothing."""
    if CHROMIUM is None:
        yield lambda _: []
        return
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [CHROMIUM, *_SWITCHES, f"--user-data-dir={folder}"]
        told = Path(folder, "DevToolsActivePort")
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:  # noqa: S603
            try:
                while not (told.exists() and "\n" in told.read_text()):
                    assert process.poll() is None, "the browser has ended"
                    time.sleep(0.01)
                address = f"http://127.0.0.1:{told.read_text().splitlines()[0]}"
                yield lambda file: asyncio.run(look_at(address, file))
            finally:
                process.terminate()
