"""The harvest: a bulk job that loses nothing and pays for nothing twice.

::

    async with KeyAPI() as api, Harvest.open("creators.db") as harvest:
        report = await harvest.run(product_ids, api.tiktok.product.iter_creators)
        await harvest.export("creators.parquet")
"""

from keyapi_async.harvest.export import Exported, ExportError, check_export
from keyapi_async.harvest.file import LedgerError
from keyapi_async.harvest.harvest import Harvest
from keyapi_async.harvest.progress import (
    HarvestReport,
    HarvestStoppedError,
    ListFailure,
    Progress,
    Status,
)
from keyapi_async.harvest.reading import Records

__all__ = [
    "ExportError",
    "Exported",
    "Harvest",
    "HarvestReport",
    "HarvestStoppedError",
    "LedgerError",
    "ListFailure",
    "Progress",
    "Records",
    "Status",
    "check_export",
]
