"""Competitors of the mimicry benchmark. A new file here is a new one; its name is its name."""
