"""The model package: written here, read anywhere with numpy alone."""
