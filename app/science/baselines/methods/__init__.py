"""Baselines. A new file here is a new baseline; its name is its public name."""
