"""All cases of the collection, one module for each kind or a few kinds."""

from __future__ import annotations

import importlib

from tests.checks.cases.shape import Case

MODULES = (
    "cancellation",
    "jumps",
    "kinks",
    "bias_shapes",
    "conventions",
    "float32",
    "forms",
    "low_precision",
    "part_of_a_vector",
    "partly_complex",
    "penalties",
    "poles",
    "scales",
    "small_beside_large",
    "small_errors",
    "small_weights",
    "solvers",
    "staircases",
    "wrong_at_the_point",
    "zero_to_rounding",
)


def collected() -> tuple[Case, ...]:
    """Every case, in the order of the modules, each name once."""
    found = [
        case
        for module in MODULES
        for case in importlib.import_module(f"tests.checks.cases.{module}").CASES
    ]
    names = [case.name for case in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"names of cases: expected each once, got {sorted(twice)} again")
    return tuple(found)


CASES = collected()
