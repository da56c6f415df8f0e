"""Asking a person about a call."""
