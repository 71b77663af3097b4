"""Functions of other libraries are checked right and spoilt; a spoilt one that passes counts."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

needs_extra = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("autograd", "scipy", "numpy_ml")),
    reason="the extra `bench` is not installed",
)


def polynomial(libraries: ModuleType, rng: np.random.Generator) -> Any:
    """A cost with its right gradient, in place of a function of autograd."""
    return libraries.Box(
        cost=lambda p: (p["x"] ** 3).sum(),
        gradients=lambda p: {"x": 3 * p["x"] ** 2},
        params={"x": rng.normal(size=4)},
        data=None,
    )


def seed_of(libraries: ModuleType, name: str, turn: int = 0) -> int:
    """The seed that draws this function for the first time, or a later one."""
    return int(libraries.NAMES.index(name) + turn * len(libraries.NAMES))


def test_there_are_at_least_ninety_functions_besides_the_layers(campaign: ModuleType) -> None:
    """Each with a name of its own; at full size each is drawn several times."""
    libraries = campaign.libraries
    assert len(libraries.FUNCTIONS) >= 90
    assert len(set(libraries.NAMES)) == len(libraries.FUNCTIONS) + len(libraries.LAYERS)
    share = campaign.PARTS["functions of other libraries"][1]
    seeds = campaign.seeds_of(share, networks=1000, coordinates=1)
    assert len(seeds) == libraries.POINTS * len(libraries.NAMES)


@needs_extra
@pytest.mark.parametrize("name", ["einsum", "sort", "solve", "erf", "var", "betaln"])
def test_autograd_says_the_slopes_of_the_cost(campaign: ModuleType, name: str) -> None:
    """By differences."""
    box = campaign.libraries.function(name, np.random.default_rng(2))
    for key, g in box.gradients(box.params).items():
        value = box.params[key]
        steps = 1e-6 * np.eye(value.size).reshape(-1, *value.shape)
        up, down = (
            [box.cost({**box.params, key: value + sign * step}) for step in steps]
            for sign in (1, -1)
        )
        slopes = (np.asarray(up) - np.asarray(down)).reshape(value.shape) / 2e-6
        assert np.allclose(slopes, g, rtol=1e-5, atol=1e-7)


@needs_extra
def test_layers_of_numpy_ml_start_afresh_each_time(campaign: ModuleType) -> None:
    """A second call says the same, whatever was called in between."""
    for name in ("LSTMCell", "DotProductAttention", "BatchNorm1D"):
        box = campaign.libraries.LAYERS[name](np.random.default_rng(1))
        once = box.gradients(box.params)
        box.cost({key: 2 * value for key, value in box.params.items()})
        again = box.gradients(box.params)
        assert all(np.array_equal(once[key], again[key]) for key in box.params)


def test_whatever_its_layout_a_spoilt_gradient_differs(campaign: ModuleType) -> None:
    """By at least a thousandth of the largest slope; a zero gradient is not spoilt."""
    rng = np.random.default_rng(0)
    gradient = {"a": np.asfortranarray(rng.normal(size=(3, 4))), "b": np.zeros(2)}
    kinds = dict(campaign.libraries.spoilt(gradient, rng))
    assert list(kinds) == ["sign", "zero", "times 1.01", "largest"]
    for change in kinds.values():
        off = np.abs(change(gradient)["a"] - gradient["a"]).max()
        assert off >= 0.999e-3 * np.abs(gradient["a"]).max()
    assert not list(campaign.libraries.spoilt({"b": np.zeros(2)}, rng))


@needs_extra
@pytest.mark.parametrize("turn", [0, 1])
def test_a_function_is_counted(campaign: ModuleType, turn: int) -> None:
    """Right once and spoilt four times, as it is and real only, the same for the same seed."""
    seed = seed_of(campaign.libraries, "tanh", turn)
    counts = campaign.libraries.functions_of_libraries(seed)
    assert counts == campaign.libraries.functions_of_libraries(seed)
    form = ("as it is", "real only")[turn]
    assert counts[f"library, autograd, {form}, right: pass"] == counts["library"] == 1
    assert (counts["library, spoilt"], counts["library, spoilt, passed"]) == (4, 0)


@pytest.mark.parametrize(
    ("verdict", "broken"),
    [
        ("pass", [True, True, False]),
        ("fail", [False, True, True]),
        ("undecided", [True, False, True]),
    ],
)
def test_a_check_that_always_says_the_same_breaks_a_promise(
    campaign: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verdict: str,
    broken: list[bool],
) -> None:
    """Whatever it says; the seed that repeats it is told."""
    libraries = campaign.libraries
    monkeypatch.setattr(libraries, "function", lambda name, rng: polynomial(libraries, rng))
    monkeypatch.setattr(
        libraries, "check_gradients", lambda *_, **__: SimpleNamespace(verdict=verdict)
    )
    counts = Counter(libraries.functions_of_libraries(3))
    kept = {row.promise: row.kept for row in campaign.rows(counts, networks=1)}
    about = "functions of other libraries"
    found = [kept[f"{about} {x}"] for x in ("accused", "undecided")]
    assert [*found, kept[f"{about}, spoilt, passed"]] == broken
    assert f"library function: {verdict}: seed 3" in capsys.readouterr().err
