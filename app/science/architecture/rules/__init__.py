"""How each part of a network follows from the data's structure: one file is one decision."""
