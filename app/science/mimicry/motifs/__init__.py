"""Plug-ins: one file is one exact-ReLU motif. They import nothing of each other."""
