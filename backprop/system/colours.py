"""Colour for verdicts, errors and the heads of tables, in a terminal; elsewhere text is plain."""

from __future__ import annotations

import os
import re
from typing import TextIO

# Where in a text which style goes; lines are looked at one by one, and what is in no group is left.
_STYLES = {
    "bold green": r"^(pass)(?=:| to |$)|audit (pass)|^(proved)(?=:| before)",
    "bold red": r"^(fail)(?=:|$)|^(Error):",
    "bold yellow": r"^(undecided)(?=:|$)|^(it (?:hardly learns|learns slowly))",
    "bold": r"^(tensor  .*|class  .*)$|^(It looks like: .*)$|^(epoch \d+/\d+)",
    "dim": r"^(repeat with: .*)$",
}


def wanted(stream: TextIO) -> bool:
    """Whether colour is asked for: by a terminal, or by FORCE_COLOR; NO_COLOR forbids it.

    https://no-color.org and https://force-color.org say what the two mean.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def coloured(text: str) -> str:
    """The text with the sequences that make a terminal show it in colour."""
    if not any(re.search(pattern, text, re.MULTILINE) for pattern in _STYLES.values()):
        return text
    from rich.color import ColorSystem
    from rich.style import Style

    for style, pattern in _STYLES.items():
        paint = Style.parse(style)

        def painted(found: re.Match[str], paint: Style = paint) -> str:
            words = next(group for group in found.groups() if group is not None)
            in_colour = paint.render(words, color_system=ColorSystem.STANDARD)
            return found[0].replace(words, in_colour, 1)

        text = re.sub(pattern, painted, text, flags=re.MULTILINE)
    return text
