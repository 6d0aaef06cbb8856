"""`python -m sandbox.engine VERB`."""

from __future__ import annotations

import sys

from sandbox.engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
