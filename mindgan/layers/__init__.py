"""Layers that several families share: the values of MindSpore's or PyTorch's, in operations that are fast on CPU."""
