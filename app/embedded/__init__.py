"""The whole service on one bare machine: bundled servers as children of one command.

Imported only by the command line and by tests, and lazily; may import everything in ``app``.
"""
