"""The codec on an NVIDIA GPU: kernels, the networks, frames that stay on the device. Importing this needs neither GPU nor CuPy."""
