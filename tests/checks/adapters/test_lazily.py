"""Neither library is needed, or loaded, before its adapter is called."""

from __future__ import annotations

import subprocess
import sys

import pytest

from checks import adapters
from checks.adapters import stacks

LOADS = """
import sys
import geartrain
made = geartrain.adapters.torch, geartrain.adapters.jax
loaded = {"torch", "jax", "jaxlib"} & set(sys.modules)
assert all(map(callable, made)) and not loaded, loaded
"""


def test_the_adapters_are_there_and_nothing_is_loaded() -> None:
    """In a process of its own."""
    subprocess.run([sys.executable, "-c", LOADS], check=True)


def test_a_file_of_the_package_that_is_imported_hides_no_adapter() -> None:
    """As it would if it had the function's name."""
    import checks.adapters.of_jax
    import checks.adapters.of_torch

    assert adapters.torch is checks.adapters.of_torch.torch_problem
    assert adapters.jax is checks.adapters.of_jax.jax_problem
    assert {"jax", "torch"} <= set(dir(adapters))
    with pytest.raises(AttributeError, match="has no attribute 'tensorflow'"):
        _ = adapters.tensorflow


def test_a_library_that_is_not_installed_is_asked_for() -> None:
    """By what to install."""
    with pytest.raises(
        ModuleNotFoundError, match=r"adapters.torch: expected torchh .* pip install"
    ):
        stacks.library("torchh", "torch")
