"""Conversations that stay within what a model can read."""
