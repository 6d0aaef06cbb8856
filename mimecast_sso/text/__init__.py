"""Normal forms of texts: names, times, counts."""
