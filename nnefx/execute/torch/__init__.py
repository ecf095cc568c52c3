"""NNEF graphs as PyTorch modules: trainable, exportable, and a second executor."""
