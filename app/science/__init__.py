"""The numerical library: arrays in, results out. It imports nothing of the service.

Shape letters, the same everywhere: n rows, p ambient dimensions, d intrinsic dimension,
m motifs (hidden units), k neighbors, c outputs, b block of rows.
"""
