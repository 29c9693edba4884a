"""Motif Mimicry: a convex teacher, carried over by computation to a ReLU network."""
