"""Export formats: one file each, named as the public name. They do not know each other."""
