"""The model package: written here, read anywhere with numpy alone.

``runtime`` and what it imports need numpy and the standard library, nothing else. Writing a
package needs onnx, and proving it needs onnxruntime.
"""
