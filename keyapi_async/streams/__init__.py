"""Walks lists: pages, streams, and many streams at once."""
