"""Rate-distortion curves of each clip as SVG; needs matplotlib."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..media import AtomicFile
from .summary import keyframes_alone

_OURS = ["tab:blue", "tab:red", "tab:cyan", "tab:pink", "tab:brown"]
_COLOURS = {"libx264": "tab:green", "libx265": "tab:orange", "libsvtav1": "tab:purple"}


def require_matplotlib() -> None:
    """Raises ConfigError, which says what to install, where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ConfigError("plots need matplotlib: pip install 'zvc69[plot]'") from None


def write_plots(data: dict[str, Any], folder: str | os.PathLike[str]) -> dict[str, Path]:
    """A file per clip in `folder`, which is made if need be; their paths by clip. Raises ConfigError, OSError."""
    require_matplotlib()
    Path(folder).mkdir(parents=True, exist_ok=True)
    paths = {}
    for clip in data["curves"]:
        paths[clip] = Path(folder) / f"rd_{clip.replace('/', '_')}.svg"
        _write(data, clip, paths[clip])
    return paths


def _write(data: dict[str, Any], clip: str, path: Path) -> None:
    # Without pyplot, which keeps figures and wants a display.
    import matplotlib
    from matplotlib.figure import Figure

    # The same figures give the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "zvc69", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        axes.set_prop_cycle(color=_OURS)
        for name, points in data["curves"][clip].items():
            axes.plot([p["bpp"] for p in points], [p["psnr"] for p in points], label=name, markersize=3, **_style(name, data["coders"][name]))
        axes.set(xscale="log", xlabel="bits per pixel", ylabel="PSNR 6:1:1, dB", title=clip)
        axes.grid(which="both", alpha=0.25)
        axes.legend(fontsize=7)
        with AtomicFile(path) as file:
            figure.savefig(file, format="svg", metadata={"Date": None})


def _style(name: str, coder: dict[str, Any]) -> dict[str, Any]:
    """A colour a codec; low delay dashed, keyframes alone dotted."""
    alone = keyframes_alone(coder)
    if coder["zvc69"]:
        return dict(color="tab:gray" if alone else None, linewidth=1.8, marker="o", linestyle=":" if alone else "-")
    line = ":" if alone else "--" if name.endswith("-ld") else "-"
    return dict(color=_COLOURS[coder["codec"]], alpha=0.6 if "p10" in name else 1, linewidth=1, linestyle=line, marker=".")
