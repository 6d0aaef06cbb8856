"""Reports of commands: one model (`model`), one renderer per format."""
