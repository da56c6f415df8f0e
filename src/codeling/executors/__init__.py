"""Places where programs run. One file each: only how to start the worker and get its two streams."""
