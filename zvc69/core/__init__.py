"""Compiled building blocks: entropy coding, integer sigma network, packing, quantisation, checksums.

Every function takes and returns NumPy arrays, releases the GIL, and gives the same result at every
instruction set (`zvc69.core.cpu`).
"""
