"""Networks of the tests are tiny: a second thread would only wait, the more so beside other work."""
import contextlib

with contextlib.suppress(ImportError):
    import torch
    torch.set_num_threads(1)
