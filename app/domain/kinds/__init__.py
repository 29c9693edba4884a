"""Job kinds. A new file here is a new kind: its body, its phases, an example."""
