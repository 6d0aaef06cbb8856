"""Texts in normal form: names, times, counts."""
