"""Metrics, intervals and comparisons on held-out rows."""
