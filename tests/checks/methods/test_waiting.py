from __future__ import annotations

import io
from contextlib import redirect_stderr

import numpy as np
import pytest

from checks import check_gradients
from checks.methods import waiting


class Terminal(io.StringIO):
    """Standard error that somebody looks at."""

    def isatty(self) -> bool:
        """Always."""
        return True


def shown(stream: io.StringIO, *, progress: bool = True) -> list[str]:
    """What a check of 1,100 coordinates in two pieces writes, line by line."""
    with redirect_stderr(stream):
        check_gradients(
            lambda x: float((x**2).sum()), lambda x: 2 * x, np.ones(1100), progress=progress or None
        )
    return stream.getvalue().split("\r")


def test_a_long_check_says_how_far_it_is_and_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The share and the time left; blanks go over it at the end."""
    monkeypatch.setattr(waiting, "PATIENCE", -1.0)
    monkeypatch.setattr(waiting, "PAUSE", -1.0)
    first, *lines, blank, last = shown(Terminal())
    assert first == last == ""
    assert len(lines) > 1
    assert all(line.startswith("checking: ") for line in lines)
    assert all(" s left" in line for line in lines if not line.startswith("checking: 0%"))
    assert lines[-1].startswith("checking: 100%, 0 s left")
    assert blank.isspace()
    assert len(blank) >= len(lines[-1].rstrip())


def test_nothing_is_said_of_a_short_check_or_where_nobody_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor where it was not asked for."""
    monkeypatch.setattr(waiting, "PATIENCE", 1e9)
    assert shown(Terminal()) == [""]
    monkeypatch.setattr(waiting, "PATIENCE", -1.0)
    monkeypatch.setattr(waiting, "PAUSE", -1.0)
    assert shown(io.StringIO()) == [""]
    assert shown(Terminal(), progress=False) == [""]


def test_the_line_is_erased_where_a_check_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an interrupt, for instance."""
    monkeypatch.setattr(waiting, "PATIENCE", -1.0)
    monkeypatch.setattr(waiting, "PAUSE", -1.0)
    stream, calls = Terminal(), []

    def cost(x: np.ndarray) -> float:
        calls.append(1)
        if len(calls) > 3000:
            raise KeyboardInterrupt
        return float((x**2).sum())

    with redirect_stderr(stream), pytest.raises(KeyboardInterrupt):
        check_gradients(cost, lambda x: 2 * x, np.ones(1100), progress=True)
    *_, blank, last = stream.getvalue().split("\r")
    assert last == ""
    assert blank.isspace()


def test_stages_are_told_as_coordinates() -> None:
    """Ever more, and in the end all of them, however many stages there were."""
    for stages in (0, 1, 3, 7):
        told: list[int] = []
        work = waiting.Stages(told.append, 10, 3)
        for _ in range(stages):
            work.next()
        assert sum(told) == [0, 2, 5, 7][min(stages, 3)]
        assert min(told, default=0) >= 0
        work.end()
        work.end()
        assert sum(told) == 10


@pytest.mark.parametrize(("factor", "passes"), [(1.0, 1), (1.5, 3)])
def test_a_probe_says_how_far_it_is(factor: float, passes: int) -> None:
    """Once through all where the gradient is right; else again for a closer look, and a sweep."""
    told: list[int] = []
    at = np.linspace(0.5, 1.5, 200)
    check_gradients(
        lambda x: np.sin(x).sum(), lambda x: factor * np.cos(x), at, method="probe",
        progress=told.append,
    )  # fmt: skip
    assert sum(told) == passes * 200
    assert np.count_nonzero(told) >= 3
    assert min(told) >= 0


def test_what_goes_through_all_again_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share, and the time left by what this time has taken."""
    monkeypatch.setattr(waiting, "PATIENCE", -1.0)
    monkeypatch.setattr(waiting, "PAUSE", -1.0)
    stream = Terminal()
    with redirect_stderr(stream):
        line = waiting.Waiting(4)
        for done in (0, 1, 3, 2, 0):
            line.update(done)
        line.close()
    said = [text.strip() for text in stream.getvalue().split("\r") if text.strip()]
    assert [text.split(",")[0] for text in said] == [
        "checking: 0%", "checking: 25%", "checking: 100%", "checking: 50%", "checking: 50%",
    ]  # fmt: skip
    assert "left" not in said[0]
