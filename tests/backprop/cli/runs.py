import os
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import backprop
from backprop import network, passes
from backprop.__main__ import gate
from backprop.cli import group

DIGITS = ["train", "--dataset", "digits"]


def run(*arguments: object) -> Result:
    """A run in this process."""
    return CliRunner().invoke(group.main, [str(argument) for argument in arguments], obj=gate)


def good(*arguments: object) -> Result:
    """A run that ends well."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def bad(code: int, *arguments: object) -> str:
    """What is said on standard error, in a line, by a run that ends with that exit code."""
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


def flip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a bug: the first bias of the last layer has the wrong sign."""
    inner = passes.backward

    def backward(net: network.Network, activations: Any, y: Any) -> None:
        before = net.db[-1][0] if net.db else 0
        inner(net, activations, y)
        net.db[-1][0] = 2 * before - net.db[-1][0]

    monkeypatch.setattr(passes, "backward", backward)


def command(*arguments: object) -> list[str]:
    """The command line that runs this project's own copy."""
    return [sys.executable, "-m", "backprop", *map(str, arguments)]


def environment() -> dict[str, str]:
    """The environment, where that copy is found."""
    return {**os.environ, "PYTHONPATH": str(Path(backprop.__file__).parents[1])}
