"""Facts about the vendors, in tables with their public sources. Imports nothing of the project."""
