"""Pages of creators from nginx on loopback, so that no Python server shares a figure."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

from keyapi_async.sandbox import Service
from tests.redis_server import await_listening, free_port

PRODUCT = "1729492547846767618"
PATH = "/v1/tiktok/product/creators/analytics"
KEY = "benchmark-key"

CONFIG = """
daemon off; pid {folder}/nginx.pid; error_log stderr crit; worker_processes 1;
events {{ worker_connections 1000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 1h;
  default_type application/json;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ root {folder}; try_files /$arg_product_id/$arg_page_num.json =404; }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(lists: Mapping[str, int]) -> Iterator[str]:
    """Serve lists of so many pages, all full but the last one with nine rows; give the base URL.

    Args:
        lists: product ids, and the pages of each.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for product_id, pages in lists.items():
            _write(folder / product_id, pages)
        port = free_port()
        config = folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=folder, port=port))
        command = ["nginx", "-c", str(config), "-p", name]
        server = subprocess.Popen(command)  # noqa: S603  # a file and a folder of our own making
        try:
            await_listening(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def _write(folder: Path, pages: int) -> None:
    rows = Service().rows(PATH, product_id=PRODUCT)
    folder.mkdir()
    for page in range(1, pages + 1):
        page_rows = [rows[(page * 10 + i) % len(rows)] for i in range(10 - (page == pages))]
        answer = {"code": 0, "message": "success", "data": page_rows, "requestId": f"r-{page}"}
        (folder / f"{page}.json").write_bytes(orjson.dumps(answer))
