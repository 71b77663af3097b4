"""Parsing: values of options that both commands read alike, a shape and a list of names."""

from __future__ import annotations

import re


def parse_shape(text: str) -> tuple[int, ...]:
    """The layer widths in `784-40-10`, `784 40 10`, `784,40,10` or `784x40x10`.

    Raises
    ------
    ValueError
        Where a width is no whole number, or where there are fewer than two.
    """
    words = re.split(r"\s*[-,x×]\s*|\s+", text.strip())
    for word in words:
        if not re.fullmatch("[0-9]{1,18}", word):
            got = repr(word) if word else "none on one side of a separator"
            raise ValueError(
                "shape: expected whole numbers of up to 18 digits, such as 784 40 10,"
                f" got {got} in {text!r}"
            )
    if len(words) < 2:
        raise ValueError(
            f"shape: expected at least two layer widths, such as 784 40 10, got {text!r}"
        )
    return tuple(map(int, words))


def parse_names(text: str) -> str | list[str]:
    """One name, or several with commas between."""
    found = [name.strip() for name in text.split(",")]
    return found if len(found) > 1 else found[0]
