import contextlib
import io
from pathlib import Path

import pytest

from backprop.datasets import download, idx_folder, sources
from backprop.datasets.sources import load
from backprop.system import progress_bar
from tests.backprop.datasets.sets import (
    NAMES,
    NOBODY,
    Mirrors,
    arrays_of,
    assert_holds,
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
        ("wrong", "{hash} but got "),
        ("cut", "{hash} but got "),
        ("broken off", "Connection broken"),
    ],
)
def test_the_next_mirror_is_tried_and_said(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch, mirror: str, expected: str
) -> None:
    """A mirror that fails, or whose file has the wrong SHA-256, is named and asked last."""
    monkeypatch.setattr(sources, "MIRRORS", (mirrors[mirror], mirrors["good"]))
    messages: list[str] = []
    assert_holds(load("mnist", notify=messages.append), arrays_of(5))
    assert mirrors.asked == [f"{mirror}/{NAMES[0]}", *(f"good/{name}" for name in NAMES)]
    (message,) = messages
    assert message.startswith(f"{mirrors[mirror]}{NAMES[0]}: ")
    assert expected.format(hash=mirrors.sha256) in message
    assert message.endswith(f"; took it from {mirrors['good']} instead")
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
    assert message.startswith(f"{damaged}: expected SHA-256 {mirrors.sha256}")
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


def test_pooch_keeps_quiet_and_its_log_is_left_as_it_was(
    mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is said is said once, by `load`; other users of pooch find its log unchanged."""
    import pooch  # type: ignore[import-untyped]

    heard: list[object] = []
    log = pooch.get_logger()
    monkeypatch.setattr(log, "callHandlers", heard.append)
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["good"],))
    load("mnist")
    assert heard == []
    assert capsys.readouterr() == ("", "")
    log.warning("from someone else")
    assert len(heard) == 1


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
    assert bars.count("100%") == len(NAMES)


@pytest.mark.network
def test_each_mirror_has_the_four_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses and the SHA-256 in the code are those of the world outside."""
    monkeypatch.undo()
    for number, mirror in enumerate(sources.MIRRORS):
        for name, sha256 in idx_folder.FILES.values():
            download._download(mirror + name, tmp_path / str(number) / name, sha256)
            assert (tmp_path / str(number) / name).stat().st_size
