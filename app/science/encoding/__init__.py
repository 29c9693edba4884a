"""From table columns to the network's input vector, as pure data that every reader can apply."""
