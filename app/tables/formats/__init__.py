"""File formats, one module each. A module must not import another one of this folder."""
