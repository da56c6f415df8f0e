"""Ways into the loop for code that is not async, and for code that wants the events."""
