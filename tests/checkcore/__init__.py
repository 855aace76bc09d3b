"""Compiled kernels against their references, in the manner of dav1d's checkasm.

Each `check_<family>.py` here registers checks and benchmarks of one kernel family (see `harness`).
Run `python -m tests.checkcore [family] [--bench]`, or the checks alone through pytest (tests/test_checkcore.py).
"""
