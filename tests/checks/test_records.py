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

# A network is trained, and a check under way takes notes.
CHANGING = {"Network", "Check"}


def records(package: ModuleType) -> list[Any]:
    """The dataclasses of a package, private ones too."""
    names = [m.name for m in pkgutil.iter_modules(package.__path__) if m.name != "__main__"]
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    found = [(module, kind) for module in modules for kind in vars(module).values()]
    return [
        kind
        for module, kind in found
        if is_dataclass(kind) and isinstance(kind, type) and kind.__module__ == module.__name__
    ]


RECORDS = records(checks) + records(backprop)


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__qualname__)
def test_a_record_is_frozen_and_made_by_name(kind: Any) -> None:
    """So that nobody downstream changes it, and fields may be added anywhere."""
    assert by_position(kind) == []
    assert kind.__dataclass_params__.frozen is (kind.__name__ not in CHANGING)


def test_records_are_found_in_both_packages() -> None:
    """Those whose names are promised among them."""
    names = {kind.__name__ for kind in RECORDS}
    assert names >= {*CHANGING, "Report", "Diagnosis", "Certificate", "Lines", "Inspection"}
