"""One call: the attempt loop, retries, credits, and the network at its end."""
