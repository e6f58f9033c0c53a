"""``python -m keyapi_async`` is ``keyapi-async``."""

import sys

from keyapi_async.cli import main

sys.exit(main())
