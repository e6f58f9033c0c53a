"""What each fault of the sandbox must come to, and the readers that meet it."""

whole = False  # whether exhaustive cases are asked for: to make and pass over them takes seconds
