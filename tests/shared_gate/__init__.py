"""The gate that processes share, on a real Redis."""
