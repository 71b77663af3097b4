import contextlib
import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from backprop.datasets import download, idx_folder, sources
from backprop.datasets.sources import MIRRORS, load
from backprop.system import atomic_files, progress_bar
from tests.backprop.datasets.sets import (
    NAMES,
    NOBODY,
    Mirrors,
    arrays_of,
    assert_holds,
    refusal,
)

pytestmark = pytest.mark.usefixtures("cache")


def test_mnist_is_downloaded_once(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first mirror's four files go to the cache; the second time nothing is asked for."""
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["good"], NOBODY))
    messages: list[str] = []
    assert_holds(load("mnist", notify=messages.append), arrays_of(5))
    assert mirrors.asked == [f"good/{name}" for name in NAMES]
    assert sorted(path.name for path in cache.iterdir()) == sorted(NAMES)
    assert load("auto", notify=messages.append).source == str(cache)
    assert len(mirrors.asked) == len(NAMES)
    assert messages == []


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        ("gone", "404 Client Error: Not Found"),
        ("wrong", "expected {size:,} bytes, got 9"),
        ("forged", "expected SHA-256 {hash}, got "),
        ("cut", "expected {size:,} bytes, got {short:,}"),
        ("broken off", "Connection broken: IncompleteRead(9 bytes read, "),
    ],
)
def test_the_next_mirror_is_tried_and_said(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch, mirror: str, expected: str
) -> None:
    """A mirror that fails, or whose file has the wrong SHA-256, is named and asked last."""
    monkeypatch.setattr(sources, "MIRRORS", (mirrors[mirror], mirrors["good"]))
    messages: list[str] = []
    assert_holds(load("mnist", notify=messages.append), arrays_of(5))
    assert mirrors.asked == [f"{mirror}/{NAMES[0]}"] * 2 + [f"good/{name}" for name in NAMES]
    (message,) = messages
    assert message.startswith(f"{mirrors[mirror]}{NAMES[0]}: ")
    size = len(mirrors.answers["good"][NAMES[0]])
    assert expected.format(hash=mirrors.sha256, size=size, short=size - 1) in message
    assert message.endswith(f" (2 tries); took it from {mirrors['good']} instead")
    assert sorted(path.name for path in cache.iterdir()) == sorted(NAMES)


def test_a_damaged_file_in_the_cache_is_fetched_again(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only that file is, and it is said; where it cannot be fetched, it is not used either."""
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["good"],))
    load("mnist")
    damaged = cache / NAMES[0]
    damaged.write_bytes(b"half a f")
    messages: list[str] = []
    assert_holds(load("mnist", notify=messages.append), arrays_of(5))
    assert mirrors.asked[4:] == [f"good/{NAMES[0]}"]
    (message,) = messages
    assert message.startswith(f"{damaged}: expected SHA-256 {mirrors.sha256}, found a file of 8 b")
    damaged.write_bytes(b"half a f")
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["gone"],))
    assert load("auto", notify=messages.append).name == "digits"


def test_a_cache_that_cannot_be_written_is_a_reason(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where the folder should be, or a folder of somebody else's: the digits are taken."""
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["good"],))
    cache.parent.write_bytes(b"in the way")
    messages: list[str] = []
    assert load(notify=messages.append).name == "digits"
    assert f"{mirrors['good']}{NAMES[0]}: " in messages[0]
    assert str(cache.parent) in messages[0]


@pytest.mark.parametrize("mirror", ["endless", "long"])
def test_no_more_is_taken_than_the_file_has(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch, mirror: str
) -> None:
    """Whatever a mirror sends besides: it is left, and nothing stays of it."""
    monkeypatch.setattr(sources, "MIRRORS", (mirrors[mirror],))
    told = refusal("mnist")
    size = len(mirrors.answers["good"][NAMES[0]])
    assert f"{mirrors[mirror]}{NAMES[0]}: expected {size:,} bytes, got more (2 tries)" in told
    assert mirrors.sent < 64 << 20  # what lies in the buffers of two connections
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("mirror", ["slow", "slow header"])
def test_no_mirror_is_waited_for_without_end(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch, mirror: str
) -> None:
    """Not even where something comes now and then, which no timeout of a connection ends."""
    monkeypatch.setattr(download, "TOTAL_SECONDS", 0.3)
    monkeypatch.setattr(sources, "MIRRORS", (mirrors[mirror], mirrors["good"]))
    messages: list[str] = []
    assert_holds(load("mnist", notify=messages.append), arrays_of(5))
    assert "expected the file within 0.3 seconds (2 tries)" in messages[0]


def test_a_mirror_is_asked_twice(mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause: what fails once is no reason to leave it, nor to say anything."""
    paused: list[float] = []
    monkeypatch.setattr(download, "PAUSE", 2.0)
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=paused.append, monotonic=float))
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["once"],))
    messages: list[str] = []
    assert_holds(load("mnist", notify=messages.append), arrays_of(5))
    assert paused == [2.0] * 4
    assert messages == []


def test_a_mirror_may_send_elsewhere_but_not_in_circles(
    mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor from https to anything else."""
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["circle"], mirrors["elsewhere"]))
    messages: list[str] = []
    assert_holds(load("mnist", notify=messages.append), arrays_of(5))
    assert "expected a file, got more than 5 redirections" in messages[0]
    assert all(mirror.startswith("https://") for mirror in MIRRORS)
    assert download._followed("https://a/", "https://b/") == "https://b/"
    for to in ("http://b/", "ftp://b/", "file:///etc/passwd"):
        with pytest.raises(ValueError, match="expected to be sent on to an https address, got"):
            download._followed("https://a/", to)


def test_what_an_interrupted_run_left_is_removed_by_the_next(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what another one is writing just now is not."""
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["good"],))
    cache.mkdir(parents=True)
    abandoned = cache / f".{NAMES[0]}.01234567.draft"
    abandoned.write_bytes(b"half a f")
    with atomic_files.draft_of(cache / NAMES[1]) as (draft, file):
        file.write(b"half of ano")
        load("mnist")
        assert sorted(path.name for path in cache.iterdir()) == sorted([draft.name, *NAMES])


def test_a_terminal_sees_a_progress_bar(mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal each file that takes a while has a bar that ends full."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(progress_bar, "PATIENCE", -1.0)
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["good"],))
    with contextlib.redirect_stderr(terminal):
        load("mnist")
    bars = terminal.getvalue()
    assert all(name in bars for name in NAMES)
    assert bars.count("100%") >= len(NAMES)


@pytest.mark.network
def test_each_mirror_has_the_four_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses and the SHA-256 in the code are those of the world outside."""
    monkeypatch.undo()
    for number, mirror in enumerate(sources.MIRRORS):
        for name, sha256, size in idx_folder.FILES.values():
            download._download(mirror + name, tmp_path / str(number) / name, sha256, size)
            assert (tmp_path / str(number) / name).stat().st_size
