"""The campaign as a module, for the tests of its parts."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="package")
def campaign() -> Iterator[ModuleType]:
    """The script as a module; what importing it changes is put back."""
    environment, path, modules = dict(os.environ), list(sys.path), set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("campaign")
    for name in set(sys.modules) - modules:
        if str(FOLDER) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environment)
