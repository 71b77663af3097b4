"""What is passed between stages is written down once, by name, and stays as it was."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import is_dataclass
from types import ModuleType
from typing import Any

import pytest

import backprop
import checks
from tests.checks.helpers import by_position

# A network is trained, a check under way takes notes, and curves are kept once they are measured.
CHANGING = {
    "Network", "CheckRun", "Judge", "LaterCurves", "Matrix", "Search", "_Case", "_Model",
}  # fmt: skip
# Users make one of what they have, in the order in which `check_gradients` takes it.
BY_POSITION = {"GradientProblem"}


def defined(package: ModuleType) -> list[Any]:
    """What the modules of a package define at their top level, private things too."""
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    modules = [importlib.import_module(m.name) for m in found if not m.name.endswith("__main__")]
    return [
        found
        for module in modules
        for found in vars(module).values()
        if getattr(found, "__module__", None) == module.__name__
    ]


DEFINED = defined(checks) + defined(backprop)
RECORDS = [kind for kind in DEFINED if isinstance(kind, type) and is_dataclass(kind)]


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__qualname__)
def test_a_record_is_frozen_and_made_by_name(kind: Any) -> None:
    """So that nobody downstream changes it, and fields may be added anywhere."""
    assert bool(by_position(kind)) is (kind.__name__ in BY_POSITION)
    assert kind.__dataclass_params__.frozen is (kind.__name__ not in CHANGING)


def test_records_are_found_in_both_packages() -> None:
    """Those whose names are promised among them."""
    names = {kind.__name__ for kind in RECORDS}
    assert names >= {*CHANGING, "Report", "Diagnosis", "Certificate", "Lines", "Inspection"}
