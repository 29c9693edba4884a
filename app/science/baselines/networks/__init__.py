"""Families of networks for media. A new file here is a new family; its name is its public name."""
