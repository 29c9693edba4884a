"""Image classifiers without SGD: patch dictionaries as convolutions, pooling, a convex head.

Arrays and tensors in, networks out; imports torch, and onnx in ``onnx_graph`` alone. Shape letters
besides those of ``app.science``: h, w height and width of an image or map, g cells of the pooling
grid on a side, q side of a patch.
"""
