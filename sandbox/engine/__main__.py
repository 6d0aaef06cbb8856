"""`python -m sandbox.engine VERB`."""

from __future__ import annotations

import sys

from mimecast_sso.text.terminals import code_of_output, write_to_anything
from sandbox.engine.cli import main

if __name__ == "__main__":
    write_to_anything()
    sys.exit(code_of_output(main()))
