import os
from pathlib import Path

import pytest

from backprop.system import bounded_files


def test_a_file_is_read_up_to_the_bound(tmp_path: Path) -> None:
    """And one byte more is refused, by name."""
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert bounded_files.read(path, 5) == b"12345"
    with pytest.raises(OSError, match="it has more than 4 bytes") as caught:
        bounded_files.read(path, 4)
    assert caught.value.filename == str(path)


def test_what_may_have_no_end_is_not_read(tmp_path: Path) -> None:
    """A folder, a device, a pipe; what is not there is not there."""
    places = [tmp_path, Path("/dev/zero"), Path("/dev/null")]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        places.append(tmp_path / "pipe")
    for place in places:
        if place.exists():
            with pytest.raises(OSError, match="it is no file"):
                bounded_files.read(place, 5)
    with pytest.raises(FileNotFoundError):
        bounded_files.read(tmp_path / "none", 5)
