"""Fuzzing of what reads hostile data; see `python -m fuzz --help`."""
