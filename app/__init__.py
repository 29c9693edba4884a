"""adaptnet: measure a data set's structure, choose a compact network from it, train without SGD.

Arrows point down: cli > embedded > main > api > services > queue > db | storage > settings >
client | tables > domain > science. ``pyproject.toml`` holds the contracts that keep it so.
"""
