"""JSON, as both command lines write it: to a file, whole or not at all, or to standard output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backprop.system import atomic_files
from backprop.system.terminal import show, writing


def write_json(path: str, content: Any) -> None:
    """Write plain values as JSON; `-` is standard output."""
    write_text(path, json.dumps(content, indent=2))


def write_text(path: str, text: str, *, place: Path | None = None) -> None:
    """Write JSON that is text already, to `place` where a relative path is no longer right.

    Raises
    ------
    backprop.system.terminal.CommandError
        Where it cannot be written there.
    """
    if path == "-":
        show(text)
        return
    with writing("--json", path):
        atomic_files.write(place or path, f"{text}\n".encode())
