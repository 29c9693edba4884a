"""The neighborhood of a trained network on its loss surface, in coordinates of relative change."""
