"""A harvest by hand and ours, killed again and again."""
