"""Tests of app.tables: each bad file has its problem, and equal tables share one hash."""
