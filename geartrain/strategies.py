"""Hypothesis strategies for property tests of gradients, and of networks made by `backprop`.

    from geartrain.strategies import shapes, well_scaled_arrays, points_near_kinks
    from geartrain.strategies import networks, minibatches

Each is loaded when it is first asked for; docs/pytest.md has examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checks.network.properties.strategies import minibatches, networks
    from checks.strategies import points_near_kinks, shapes, well_scaled_arrays

__all__ = ["minibatches", "networks", "points_near_kinks", "shapes", "well_scaled_arrays"]

_OF_NETWORKS = ("minibatches", "networks")  # they load `backprop`


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from geartrain.siblings import packages

    packages()  # or the reason why they cannot be had
    home = "checks.network.properties.strategies" if name in _OF_NETWORKS else "checks.strategies"
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
