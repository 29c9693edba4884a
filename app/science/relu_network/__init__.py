"""ReLU networks as data: the graph, its evaluation and its algebra."""
