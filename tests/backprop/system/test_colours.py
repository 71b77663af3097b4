import io
import re
import subprocess
import sys

import pytest

from backprop.system import terminal

REPORT = """\
tensor  parameters  checked
W1               4        4
fail: 4 of 4 parameters checked, 1 wrong in W1
It looks like: the sign is flipped in b1 [sign-flipped]
repeat with: gradcheck 2 2
epoch 1/3: loss 0.1, test accuracy 94.00%, 0.2 s, audit pass
Error: expected a file"""


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks for colour or forbids it."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def shown(stream: io.StringIO, text: str = REPORT) -> str:
    """What `show` writes to a stream."""
    terminal.show(text, file=stream)
    return stream.getvalue()


def test_a_terminal_has_colour_and_a_pipe_has_none() -> None:
    """And nothing but colour is added."""
    assert shown(io.StringIO()) == REPORT + "\n"
    seen = shown(Terminal())
    assert "\x1b[1;31mfail\x1b[0m: 4 of 4" in seen
    assert "audit \x1b[1;32mpass\x1b[0m" in seen
    assert "\x1b[1;31mError\x1b[0m: expected" in seen
    assert re.sub(r"\x1b\[[\d;]*m", "", seen) == REPORT + "\n"


@pytest.mark.parametrize(
    ("variables", "of_terminal", "of_pipe"),
    [
        ({"NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "", "FORCE_COLOR": ""}, True, False),
    ],
)
def test_colour_is_asked_for_and_forbidden(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    *,
    of_terminal: bool,
    of_pipe: bool,
) -> None:
    """By the variables that others have, too."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b" in shown(Terminal())) is of_terminal
    assert ("\x1b" in shown(io.StringIO())) is of_pipe


@pytest.mark.parametrize(
    "text", ['{"verdict": "pass"}', "<svg>pass</svg>", "passing: 3", "a pass: b", "[red]x[/red]"]
)
def test_other_text_is_left_alone(text: str) -> None:
    """JSON, drawings, words that only begin alike, and what would be markup elsewhere."""
    assert shown(Terminal(), text) == text + "\n"


def test_rich_is_not_loaded_for_a_pipe() -> None:
    """It takes longer than all else that help needs."""
    program = (
        "import sys; from backprop.system import terminal, progress_bar; terminal.show('pass: 1');"
        " progress_bar.Bar('x', 3).update(3); print('rich' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert found.stdout == "pass: 1\nFalse\n"
