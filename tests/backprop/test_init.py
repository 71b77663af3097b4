import subprocess
import sys

import pytest

import backprop
from backprop import passes


def test_importing_loads_nothing() -> None:
    """The command lines ask this package for small things before NumPy is worth loading."""
    code = "import sys, backprop; print('numpy' in sys.modules, backprop.init_net((2, 1)).shape)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False (2, 1)\n"


def test_every_public_name_is_there() -> None:
    """And in what the package says of itself; another name is an error as usual."""
    for name in backprop.__all__:
        assert getattr(backprop, name).__name__ == name
    assert set(backprop.__all__) <= set(dir(backprop))
    with pytest.raises(AttributeError, match="'backprop' has no attribute 'trian'"):
        backprop.trian  # type: ignore[attr-defined]  # noqa: B018


def test_a_function_replaced_in_its_module_is_replaced_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a bug is planted, and not beyond that."""
    before = backprop.forward
    monkeypatch.setattr(passes, "forward", backprop.backward)
    assert backprop.forward.__name__ == "backward"
    monkeypatch.undo()
    assert backprop.forward is before
