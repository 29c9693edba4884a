"""Plug-ins: one file is one convex teacher. They import nothing of each other."""
