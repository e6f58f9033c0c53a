"""Serve a live page of a harvest: ``uvicorn --app-dir examples dashboard:app``."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from html import escape
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from keyapi_async import KeyAPI
from keyapi_async.harvest import Harvest, HarvestStoppedError

PRODUCTS = os.environ.get("PRODUCTS", "products.txt")
LEDGER = "dashboard.db"
BEST = """select nick_name, count(*), sum(per_product_ifl_gmv_amt) as gmv from records
    group by user_id order by gmv desc limit 10"""


async def read(ids: list[str], harvest: Harvest) -> None:
    """Read what the ledger lacks; what stops it shows on the page."""
    async with KeyAPI() as api:
        try:
            await harvest.run(ids, api.tiktok.product.iter_creators)
        except HarvestStoppedError as error:
            app.state.stopped = str(error)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.stopped = ""
    ids = await asyncio.to_thread(Path(PRODUCTS).read_text)
    async with Harvest.open(LEDGER) as app.state.harvest:
        task = asyncio.create_task(read(ids.split(), app.state.harvest))
        yield
        app.state.harvest.stop()  # the pages in flight are kept
        await task


app = FastAPI(lifespan=lifespan)


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    status = await app.state.harvest.status()
    rows = []
    if status.rows:
        with closing(sqlite3.connect(f"file:{LEDGER}?mode=ro", uri=True)) as ledger:
            rows = ledger.execute(BEST).fetchall()
    table = "".join(f"<tr><td>{escape(str(a))}<td>{b}<td>{c or 0:,.0f}" for a, b, c in rows)
    head = f"{status.done} lists done, {status.left} to go, {status.rows:,} rows"
    return f"""<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=1>
<h1>{head}</h1><p>{escape(app.state.stopped)}
<table><tr><th>creator<th>products<th>GMV{table}</table>"""
