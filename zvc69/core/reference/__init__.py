"""Plain NumPy and Python versions of the compiled kernels: what they must compute, written to be read."""
