"""``python -m keyapi_async`` is ``keyapi-async``."""

import sys

from keyapi_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
