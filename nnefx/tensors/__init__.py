"""Tensor files, graph.quant, and the folders and archives that hold a model (NNEF 1.0.5, 5)."""
