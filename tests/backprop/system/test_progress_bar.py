import io
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


def test_a_bar_moves_and_leaves_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """Blanks go over it at the end; nothing is on standard output."""
    with redirect_stderr(Stream()) as shown, closing(Bar("checking", 10)) as bar:
        bar.update(4)
        assert "checking  [####" in (first := shown.taken())
        assert "40%" in first
        bar.update(6)
        assert "100%" in shown.taken()
    assert shown.taken().split("\r")[1].isspace()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_bar_keeps_to_the_terminals_width(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """With the time that is left; a wide terminal does not make it wider than can be read."""
    monkeypatch.setenv("COLUMNS", str(columns))
    with redirect_stderr(Stream()) as shown, closing(Bar("checking", 100)) as bar:
        bar.update(20)
        line = shown.taken().replace("\x1b[?25l", "").strip()
    assert line.endswith("]   20%")
    assert len(f"{line}  00:00:00") == min(columns - 1, 64)  # click tells the time left a bit later


def test_a_bar_comes_back_after_a_line_is_printed() -> None:
    """It goes on from where it was."""
    with redirect_stderr(Stream()) as shown:
        bar = Bar("training", 10)
        bar.update(4)
        bar.close()
        shown.taken()
        bar.update(1)
    assert "50%" in shown.taken()


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
