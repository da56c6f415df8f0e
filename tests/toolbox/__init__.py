"""Tests of the tools that come with codeling, against real servers on loopback."""
