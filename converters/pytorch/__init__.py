"""PyTorch modules and their files become NNEF graphs, by way of `torch.export`."""
