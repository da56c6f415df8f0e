"""Values that nobody may read: not the program, not the model, not a trace."""
