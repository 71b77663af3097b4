import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backprop.system import atomic_files
from backprop.system.json_output import write_json, write_text
from backprop.system.terminal import CommandError


def test_a_file_and_standard_output_get_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line after the last brace; text that is JSON already is written as it is."""
    cases: tuple[tuple[Any, Callable[..., None]], ...]
    cases = (({"a": [1]}, write_json), ("{}", write_text))
    for content, write in cases:
        write(str(tmp_path / "r"), content)
        write("-", content)
        written = (tmp_path / "r").read_text()
        assert written == capsys.readouterr().out
        assert json.loads(written) in ({"a": [1]}, {})


def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the user has named it; on a full disk the old file stays, and it is no error of usage."""
    with pytest.raises(CommandError, match="--json: expected a file that can be written") as caught:
        write_json(str(tmp_path / "no" / "r"), {})
    assert caught.value.exit_code == 2

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "r").write_text("old")
    monkeypatch.setattr(atomic_files, "synchronise", full)
    with pytest.raises(CommandError, match="No space left") as caught:
        write_json(str(tmp_path / "r"), {})
    assert caught.value.exit_code == 5
    assert (tmp_path / "r").read_text() == "old"
