"""The harvest: a bulk job that loses nothing and pays for nothing twice.

::

    async with KeyAPI() as api, Harvest.open("creators.db") as harvest:
        report = await harvest.run(api, Job.product_creators(product_ids))
        await harvest.export("creators.parquet")
"""

from keyapi_async.harvest.export import Exported, ExportError
from keyapi_async.harvest.job import Job
from keyapi_async.harvest.ledger import LedgerError
from keyapi_async.harvest.report import HarvestReport, HarvestStoppedError, ListFailure, Status
from keyapi_async.harvest.run import Harvest, Records

__all__ = [
    "ExportError",
    "Exported",
    "Harvest",
    "HarvestReport",
    "HarvestStoppedError",
    "Job",
    "LedgerError",
    "ListFailure",
    "Records",
    "Status",
]
