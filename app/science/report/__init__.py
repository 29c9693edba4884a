"""A job's documents as something to read: sections with an answer first, as a page or as text."""
