"""Candidate groups by kind of data, one file each."""
