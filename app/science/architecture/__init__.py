"""From the data's structure to the network's size: closed formulas with their evidence."""
