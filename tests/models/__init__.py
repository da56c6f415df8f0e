"""Tests of the model adapters, against real servers on loopback."""
