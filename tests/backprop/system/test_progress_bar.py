import io
import re
from contextlib import closing, redirect_stderr

import pytest

from backprop.system import progress_bar
from backprop.system.progress_bar import Bar


class Stream(io.StringIO):
    """What stands for standard error, and forgets what was taken from it."""

    def __init__(self, *, terminal: bool = True) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        """Whether somebody looks at it."""
        return self.terminal

    def taken(self) -> str:
        """What has been written since the last time."""
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything takes long enough for a bar."""
    monkeypatch.setattr(progress_bar, "PATIENCE", -1.0)
    monkeypatch.setenv("TERM", "xterm")


def test_a_bar_moves_and_leaves_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """Its line is erased at the end, and the cursor is back; nothing is on standard output."""
    with redirect_stderr(Stream()) as shown, closing(Bar("checking", 10)) as bar:
        bar.update(4)
        assert "checking" in (first := shown.taken())
        assert "40%" in first
        bar.update(6)
        assert "100%" in shown.taken()
    assert "\x1b[2K" in (last := shown.taken())
    assert "\x1b[?25h" in last
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_bar_keeps_to_the_terminals_width(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """With the time that is left; a wide terminal does not make it wider than can be read."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    with redirect_stderr(Stream()) as shown, closing(Bar("checking", 100)) as bar:
        bar._started -= 60
        bar.update(20)
        line = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", shown.taken()).rpartition("\r")[2]
    assert re.search(r" 20% 0:04:0\d$", line)
    assert len(line) == min(columns - 4, 58)


def test_it_is_not_drawn_more_often_than_is_seen() -> None:
    """A thousand updates a second are a few looks."""
    with redirect_stderr(Stream()) as shown, closing(Bar("checking", 10_000)) as bar:
        for _ in range(1000):
            bar.update(1)
        assert 1 <= shown.taken().count("checking") < 100


def test_the_time_left_is_told_as_a_clock_does() -> None:
    """Hours, minutes, seconds."""
    assert [progress_bar._clock(s) for s in (0, 59.6, 3599, 36_000)] == [
        *("0:00:00", "0:01:00", "0:59:59", "10:00:00")
    ]


def test_a_bar_comes_back_after_a_line_is_printed() -> None:
    """It goes on from where it was."""
    with redirect_stderr(Stream()) as shown:
        bar = Bar("training", 10)
        bar.update(4)
        bar.close()
        shown.taken()
        bar.update(1)
        assert "50%" in shown.taken()
        bar.close()


@pytest.mark.parametrize(("terminal", "patience"), [(False, -1.0), (True, 60.0)])
def test_no_bar_for_nobody_and_for_nothing(
    monkeypatch: pytest.MonkeyPatch, patience: float, *, terminal: bool
) -> None:
    """Without a terminal, or where the work is done at once, there is not even a label."""
    monkeypatch.setattr(progress_bar, "PATIENCE", patience)
    with (
        redirect_stderr(Stream(terminal=terminal)) as shown,
        closing(Bar("checking", 10)) as bar,
    ):
        bar.update(10)
    assert shown.taken() == ""


def test_a_closed_standard_error_is_nobody_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has none then; the work goes on."""
    monkeypatch.setattr("sys.stderr", None)
    with closing(Bar("checking", 10)) as bar:
        bar.update(4)
