"""What codeling costs and can do, measured beside plain CPython and smolagents. Never part of the tests."""
