"""Figures for reports: SVG, PNG and their numbers as CSV, drawn from results alone."""
