"""Several agents together."""
