"""The plots of the benchmark: what takes how long, and how that grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from measure import span

OURS, OTHERS = "#0b6e6e", "#b9b4a8"
LINES = {
    "sweep": (OURS, "-", "o"),
    "probe": (OURS, "--", "s"),
    "geartrain": (OURS, "-", "o"),
    "torch gradcheck": ("#b5532a", "-", "o"),
    "torch fast_mode": ("#b5532a", "--", "s"),
    "torch eager": ("#b5532a", "-", "o"),
    "plain loops": (OTHERS, "-", "o"),
}
OWN = ("sweep", "probe", "geartrain")


def draw(result: dict[str, Any], folder: Path) -> list[Path]:
    """Draw what was measured; the files that were written."""
    import matplotlib as mpl

    mpl.use("Agg")
    written = []
    if "checking" in result:
        part = result["checking"]
        title = f"Checking {part['parameters']:,} parameters, batch {part['batch']}, float64"
        written.append(_bars(part["seconds"], title, folder / "checking.png"))
    if "training" in result:
        part = result["training"]
        title = f"Training one epoch, {part['samples']:,} samples, float32"
        written.append(_bars(part["seconds"], title, folder / "training.png"))
    if "growth" in result:
        written.append(_growth(result["growth"], folder / "growth.png"))
    return written


def _bars(seconds: dict[str, Any], title: str, path: Path) -> Path:
    """Seconds on a logarithmic scale, shortest first, from the quickest turn to the slowest."""
    import matplotlib.pyplot as plt

    names = sorted(seconds, key=lambda name: seconds[name]["median"], reverse=True)
    medians = [seconds[name]["median"] for name in names]
    figure, axes = plt.subplots(figsize=(8, 0.42 * len(names) + 1.1), layout="constrained")
    colours = [OURS if name.startswith(OWN) else OTHERS for name in names]
    bars = axes.barh(names, medians, color=colours)
    for bar, value, name in zip(bars, medians, names, strict=True):
        about = "≈ " if seconds[name]["extrapolated"] else ""
        axes.annotate(
            about + span(value), (value, bar.get_y() + bar.get_height() / 2), xytext=(5, 0),
            textcoords="offset points", va="center",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(min(medians) / 2, max(medians) * 5)
    axes.set_xlabel("seconds, median (logarithmic)")
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return path


def _growth(part: dict[str, Any], path: Path) -> Path:
    """Six small plots: checking above, training below; width, depth and batch from the left."""
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(
        2, 3, figsize=(10, 5.6), sharex="col", sharey="row", layout="constrained"
    )
    labels = {"width": "hidden units", "depth": "hidden layers", "batch": "samples in a batch"}
    for column, (kind, grown) in enumerate(part.items()):
        for row, what in enumerate(("check", "train")):
            axes = grid[row, column]
            at = [each["at"] for each in grown]
            for name in grown[0][what]:
                colour, style, mark = LINES[name]
                seconds = [each[what][name]["median"] for each in grown]
                axes.plot(at, seconds, style, color=colour, marker=mark, markersize=4, label=name)
            axes.set_yscale("log")
            if kind != "depth":
                axes.set_xscale("log")
            axes.set_xticks(at, [str(each) for each in at], minor=False)
            axes.minorticks_off()
            axes.spines[["top", "right"]].set_visible(False)
        grid[1, column].set_xlabel(labels[kind])
    samples = part["width"][0]["samples"]
    grid[0, 0].set_ylabel("one check, seconds")
    grid[1, 0].set_ylabel(f"training on {samples:,} samples, seconds")
    for row in (0, 1):
        grid[row, 2].legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return path
