"""What each fault of the sandbox must come to, and the readers that meet it."""

whole = False
"""Whether exhaustive cases are asked for; to make and pass over thousands takes seconds."""
