"""One script a claim. Each prints a table, and JSON with ``--json PATH`` (``-`` is stdout)."""
