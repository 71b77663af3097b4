import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backprop.system import atomic_files

pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")


def refusal(path: Path | str) -> OSError:
    """The error that both functions raise alike, before the work and after it."""
    with pytest.raises(OSError, match="Errno") as caught:
        atomic_files.require_writable(path)
    with pytest.raises(type(caught.value)) as again:
        atomic_files.write(path, b"new")
    assert str(again.value) == str(caught.value)
    assert caught.value.filename == str(path)
    return caught.value


@pytest.fixture
def plain_user() -> Iterator[Path]:
    """A folder of a user whom permissions apply to, and the process in that user's name."""
    folder = Path(tempfile.mkdtemp())
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    shutil.rmtree(folder)


def test_a_file_is_written_anew_or_over(tmp_path: Path) -> None:
    """And nothing is left beside it; having looked whether it can be changes nothing."""
    path = tmp_path / "m"
    atomic_files.require_writable(path)
    assert list(tmp_path.iterdir()) == []
    for data in (b"one", b"another"):
        atomic_files.write(path, data)
        atomic_files.require_writable(path)
        assert path.read_bytes() == data
        assert list(tmp_path.iterdir()) == [path]


def test_writing_fails_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk the old file stays, no draft is left, and the error names the file given."""
    path = tmp_path / "m"
    path.write_bytes(b"old")

    def full(file: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic_files, "synchronise", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        atomic_files.write(path, b"new")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_keeps_its_mode(tmp_path: Path) -> None:
    """What was private stays private; a new file has the mode that any file gets."""
    private, new, other = tmp_path / "private", tmp_path / "new", tmp_path / "other"
    private.touch()
    private.chmod(0o600)
    atomic_files.write(private, b"secret")
    atomic_files.write(new, b"open")
    other.touch()
    assert private.stat().st_mode & 0o777 == 0o600
    assert new.stat().st_mode == other.stat().st_mode


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it leads to is written, also through another link, and where nothing is there yet."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link, second = tmp_path / "link", tmp_path / "second"
    link.symlink_to(folder / "target")
    second.symlink_to("link")
    for data, path in ((b"one", link), (b"two", second)):
        atomic_files.write(path, data)
        assert (folder / "target").read_bytes() == data
    assert link.is_symlink()
    assert second.is_symlink()
    assert list(folder.iterdir()) == [folder / "target"]


@pipes
def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    """Its reader gets the data; to look at it beforehand does not wait for a reader."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    atomic_files.require_writable(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    atomic_files.write(pipe, b"data")
    reader.join(timeout=10)
    assert read == [b"data"]
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="there are no descriptors with names here")
def test_a_descriptor_with_a_name_is_written_to() -> None:
    """As in a shell's `>(command)`."""
    reading, writing = os.pipe()
    try:
        atomic_files.require_writable(f"/dev/fd/{writing}")
        atomic_files.write(f"/dev/fd/{writing}", b"data")
        assert os.read(reading, 100) == b"data"
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_device_is_written_to_and_stays_one() -> None:
    """A link to it, rather: should the link be replaced, the machine is still whole."""
    folder = Path(tempfile.mkdtemp())
    link = folder / "link"
    link.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as caught:
        atomic_files.write(link, b"data")
    assert caught.value.filename == str(link)
    assert link.is_symlink()
    assert Path("/dev/full").is_char_device()
    shutil.rmtree(folder)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """Nor is a name that ends like a folder's, there or not, or no name."""
    assert refusal(tmp_path).strerror == "it is a folder"
    for path in (f"{tmp_path}{os.sep}", f"{tmp_path}{os.sep}new{os.sep}", ""):
        assert refusal(path).strerror == "it names no file"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_has_to_be_there(tmp_path: Path) -> None:
    """It is not made, and the error does not name a draft in it."""
    assert isinstance(refusal(tmp_path / "no" / "m"), FileNotFoundError)
    (tmp_path / "file").touch()
    assert isinstance(refusal(tmp_path / "file" / "m"), NotADirectoryError)


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
def test_a_protected_file_is_not_replaced(plain_user: Path) -> None:
    """Though its folder would allow that; nor is a file made in a protected folder."""
    path = plain_user / "m"
    path.write_bytes(b"old")
    path.chmod(0o444)
    assert isinstance(refusal(path), PermissionError)
    assert path.read_bytes() == b"old"
    assert list(plain_user.iterdir()) == [path]
    plain_user.chmod(0o555)
    assert isinstance(refusal(plain_user / "new"), PermissionError)
    plain_user.chmod(0o755)
    path.chmod(0o644)
    atomic_files.write(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_long_name_is_as_good_as_any(tmp_path: Path) -> None:
    """The draft's name is no longer than the file's may be."""
    path = tmp_path / ("ä" * 120)
    atomic_files.write(path, b"data")
    assert path.read_bytes() == b"data"


def test_it_is_on_the_disk_before_it_is_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the draft, then its name in the folder: a power cut finds the old file or the new."""
    happened: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synchronised(descriptor: int) -> None:
        mode = os.fstat(descriptor).st_mode
        happened.append("folder on disk" if stat.S_ISDIR(mode) else "file on disk")
        fsync(descriptor)

    def moved(self: Path, target: Path) -> Path:
        happened.append("in its place")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synchronised)
    monkeypatch.setattr(Path, "replace", moved)
    atomic_files.write(tmp_path / "m", b"data")
    assert happened[:2] == ["file on disk", "in its place"]
    assert happened[2:] == (["folder on disk"] if hasattr(os, "O_DIRECTORY") else [])


def test_the_old_file_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under another name, also on a disk without links."""
    path, before = tmp_path / "m", tmp_path / "m.before"
    for data, kept in ((b"one", None), (b"two", b"one"), (b"three", b"two")):
        atomic_files.write(path, data, before=before)
        assert path.read_bytes() == data
        assert (before.read_bytes() if before.exists() else None) == kept

    def no_links(self: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    atomic_files.write(path, b"four", before=before)
    assert (path.read_bytes(), before.read_bytes()) == (b"four", b"three")
    assert sorted(tmp_path.iterdir()) == [path, before]


def test_drafts_of_killed_writers_are_swept(tmp_path: Path) -> None:
    """Those of the same file, by whoever writes or looks next; nobody else's file is."""
    path = tmp_path / "m"
    program = (
        "import os; from backprop.system import atomic_files\n"
        f"with atomic_files.draft_of({str(path)!r}) as (draft, file):\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)\n"
    )
    root = str(Path(atomic_files.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    (left,) = tmp_path.iterdir()
    others = [tmp_path / name for name in (".m.01234567", ".other.01234567.draft", ".m.draft")]
    for other in others:
        other.touch()
    with atomic_files.draft_of(path) as (draft, _):
        assert not left.exists()
        atomic_files.require_writable(path)
        assert draft.exists()  # somebody is writing it
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_a_file_is_read_up_to_the_bound(tmp_path: Path) -> None:
    """And one byte more is refused, by name."""
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert atomic_files.read_bounded(path, 5) == b"12345"
    with pytest.raises(OSError, match="it has more than 4 bytes") as caught:
        atomic_files.read_bounded(path, 4)
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
                atomic_files.read_bounded(place, 5)
    with pytest.raises(FileNotFoundError):
        atomic_files.read_bounded(tmp_path / "none", 5)
