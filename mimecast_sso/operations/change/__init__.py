"""A change under review: its two commits, read with git as data, and which of its files are data."""
