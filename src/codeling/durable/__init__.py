"""Runs that survive: resume, fork and replay, on any journal."""
