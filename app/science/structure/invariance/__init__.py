"""Which transformations of the input leave the target alone, and the network that follows."""
