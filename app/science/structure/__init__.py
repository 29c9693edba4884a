"""What the data are like, and what the trained network is like: structure measured, not assumed."""
