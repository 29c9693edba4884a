"""Hostile files in, typed Arrow tables and a list of problems out. Runs in child processes only."""
