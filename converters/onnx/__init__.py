"""ONNX: files of operator sets 1 to the newest that the `onnx` package knows."""
