"""For the people who call the service: httpx and numpy, nothing else."""
