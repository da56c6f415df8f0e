"""What not every run needs of the forms of action: tolerant reading, JSON tool calls, fitting, typed answers, plans."""
