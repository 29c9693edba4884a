"""Plug-ins: one file is one correction. They import nothing of each other."""
