"""Training, evaluation and export of ZVC69's models (PyTorch; not part of the wheel)."""
