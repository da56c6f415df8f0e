"""A real browser for agents: what programs may do in it, and where it may go."""
