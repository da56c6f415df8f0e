"""The worker, the wire and the walls. A security review reads this folder alone; see its README."""
