"""Modalities: one file each, named as the column type. They do not know each other."""
