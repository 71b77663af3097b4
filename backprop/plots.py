"""The picture of a training run: how it went, what the units look for, and what it gets wrong.

Drawn by matplotlib, an extra that is loaded only here, from arrays and numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop.activations import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNITS = 40  # hidden units that are drawn
MISTAKES = 24  # images that are drawn of those it gets wrong
ACROSS = 8  # of either in a row
NUMBERED = 12  # classes up to which a confusion matrix has its numbers in it


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is drawn.

    Attributes
    ----------
    loss, accuracy, passed
        For each epoch: the mean cost, the share that is right, None where there is none, and
        whether an audit passed, None where there was none.
    weights
        Of the first layer, (n_in, n_out).
    image_shape
        Rows and columns of an image.
    predicted, expected
        The class of each test image, as the network has it and as it is, (n,).
    images
        The test images, (n, rows * columns).
    classes
        How many there are.
    """

    loss: Sequence[float]
    accuracy: Sequence[float | None]
    passed: Sequence[bool | None]
    weights: Array
    image_shape: tuple[int, int]
    predicted: Array
    expected: Array
    images: Array
    classes: int


def draw(run: Run, *, format_: str, title: str = "") -> bytes:
    """The picture's bytes, "png" or "svg", the same for the same run.

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "backprop", "font.size": 9}):
        figure = Figure(figsize=(12, 9), layout="constrained")
        figure.suptitle(title.replace("$", r"\$"))
        course, confusion, units, mistakes = figure.subplots(2, 2).ravel()
        _draw_course(course, run)
        _draw_confusion(confusion, run)
        _draw_units(units, run)
        _draw_mistakes(mistakes, run)
        file = BytesIO()
        metadata: dict[str, Any] = {"Date": None} if format_ == "svg" else {}
        figure.savefig(file, format=format_, dpi=110, metadata=metadata)
        return file.getvalue()


def _draw_course(axes: Axes, run: Run) -> None:
    """Loss and accuracy over the epochs, the audits marked."""
    epochs = np.arange(1, len(run.loss) + 1)
    lines = axes.plot(epochs, run.loss, "-", color="#0b5cad", label="loss")
    marks = (
        (True, "o", "#2e7d4f", "audit: the gradient passes"),
        (False, "X", "#8a5a00", "audit: undecided"),
        (None, "o", "#ffffff", "no audit"),
    )
    for passed, mark, colour, label in marks:
        at = [k for k, found in enumerate(run.passed) if found is passed]
        if at:
            loss = [run.loss[k] for k in at]
            lines += axes.plot(epochs[at], loss, mark, mfc=colour, mec="#0b5cad", ms=8, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.set_ylim(0, 1.08 * max(run.loss, default=1.0) or 1.0)
    axes.set_xticks(epochs[:: max(1, len(epochs) // 10)])
    if any(found is not None for found in run.accuracy):
        right = axes.twinx()
        share = [np.nan if found is None else 100 * found for found in run.accuracy]
        lines += right.plot(epochs, share, "s--", color="#c9182b", ms=4, label="test accuracy")
        right.set_ylabel("right, in %")
        right.set_ylim(0, 100)
    axes.legend(handles=lines, loc="center right")
    axes.set_title("How training went")


def _draw_confusion(axes: Axes, run: Run) -> None:
    """How often each class was taken for which."""
    counts = confusion_matrix(run.expected, run.predicted, run.classes)
    shown = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    axes.imshow(shown, cmap="Blues", vmin=0, vmax=1)
    if run.classes <= NUMBERED:
        for row, column in np.argwhere(counts > 0):
            dark = shown[row, column] > 0.6
            axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=7,
                      color="white" if dark else "black")  # fmt: skip
        axes.set_xticks(range(run.classes))
        axes.set_yticks(range(run.classes))
    axes.set_xlabel("taken for")
    axes.set_ylabel("is")
    wrong = int(np.count_nonzero(run.predicted != run.expected))
    axes.set_title(f"Taken for what: {wrong:,} of {len(run.expected):,} wrong")


def confusion_matrix(expected: Array, predicted: Array, classes: int) -> Array:
    """How often each class, a row, was taken for which, a column: (classes, classes)."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (expected, predicted), 1)
    return counts


def _draw_units(axes: Axes, run: Run) -> None:
    """The weights into hidden units, as images: blue speaks for a pixel, red against it."""
    count = run.weights.shape[1]
    if run.weights.shape[0] != run.image_shape[0] * run.image_shape[1]:
        axes.set_axis_off()
        return
    pictures = [w.reshape(run.image_shape) for w in run.weights.T[:UNITS]]
    # Each by its own largest weight, or a few loud units would leave the others pale.
    scaled = [p / (np.abs(p).max() or 1.0) for p in pictures]
    axes.imshow(mosaic(scaled, ACROSS, fill=np.nan), cmap="RdBu", vmin=-1, vmax=1)
    axes.set_axis_off()
    some = f"the first {UNITS} of {count:,}" if count > UNITS else f"all {count:,}"
    axes.set_title(f"What the units of the first layer look for: {some}")


def _draw_mistakes(axes: Axes, run: Run) -> None:
    """Images that it gets wrong, the first of them: what each is, and what it was taken for."""
    wrong = np.flatnonzero(run.predicted != run.expected)[:MISTAKES]
    axes.set_axis_off()
    if not wrong.size:
        axes.set_title("It gets none wrong")
        return
    rows, columns = run.image_shape
    margin = max(3, rows // 3)  # for the words below
    pictures = []
    for image in run.images[wrong]:
        picture = np.full((rows + margin, columns), np.nan)
        picture[:rows] = image.reshape(rows, columns) / (image.max() or 1)
        pictures.append(picture)
    axes.imshow(mosaic(pictures, ACROSS, fill=np.nan), cmap="gray_r", vmin=0, vmax=1)
    for k, at in enumerate(wrong):
        down, across = divmod(k, ACROSS)
        x = across * (columns + 1) + columns / 2
        y = down * (rows + margin + 1) + rows + margin / 2
        axes.text(x, y, f"{run.expected[at]} as {run.predicted[at]}", ha="center", va="center",
                  fontsize=7)  # fmt: skip
    axes.set_title(f"What it gets wrong: the first {wrong.size}")


def mosaic(pictures: Sequence[Array], across: int, *, fill: float) -> Array:
    """Pictures of one shape side by side, so many in a row, a line of `fill` between them."""
    rows, columns = pictures[0].shape
    down = -(-len(pictures) // across)
    across = min(across, len(pictures))
    found = np.full((down * (rows + 1) - 1, across * (columns + 1) - 1), fill)
    for k, picture in enumerate(pictures):
        top, left = (k // across) * (rows + 1), (k % across) * (columns + 1)
        found[top : top + rows, left : left + columns] = picture
    return found
