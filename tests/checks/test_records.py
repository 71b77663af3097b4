"""What is passed between stages is written down once, by name, and stays as it was."""

from __future__ import annotations

import importlib
import inspect
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


def defined(package: ModuleType) -> list[Any]:
    """What the modules of a package define at their top level, private things too."""
    names = [m.name for m in pkgutil.iter_modules(package.__path__) if m.name != "__main__"]
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    return [
        found
        for module in modules
        for found in vars(module).values()
        if getattr(found, "__module__", None) == module.__name__
    ]


DEFINED = defined(checks) + defined(backprop)
RECORDS = [kind for kind in DEFINED if isinstance(kind, type) and is_dataclass(kind)]
FUNCTIONS = [found for found in DEFINED if inspect.isfunction(found)]
SCALED = [
    function
    for function in FUNCTIONS
    if {"noise", "size"} <= {*inspect.signature(function).parameters}
    and function.__name__ != "central_step"
]


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__qualname__)
def test_a_record_is_frozen_and_made_by_name(kind: Any) -> None:
    """So that nobody downstream changes it, and fields may be added anywhere."""
    assert by_position(kind) == []
    assert kind.__dataclass_params__.frozen is (kind.__name__ not in CHANGING)


def test_records_are_found_in_both_packages() -> None:
    """Those whose names are promised among them."""
    names = {kind.__name__ for kind in RECORDS}
    assert names >= {*CHANGING, "Report", "Diagnosis", "Certificate", "Lines", "Inspection"}


@pytest.mark.parametrize("function", SCALED, ids=lambda function: function.__qualname__)
def test_a_costs_noise_and_its_size_are_given_by_name(function: Any) -> None:
    """Two numbers side by side would be taken for one another."""
    assert not {"noise", "size"} & {*by_position(function)}


def test_functions_of_noise_and_size_are_found() -> None:
    """In several modules."""
    assert {f.__module__ for f in SCALED} >= {"checks.jumps", "checks.kinks", "checks.sweep"}
