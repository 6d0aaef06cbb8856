"""Reports of what commands found: one model (`model`), one renderer per form."""
