from __future__ import annotations

import copy
import pickle

import cloudpickle
import numpy as np
import pytest

from checks.problem.evaluation import perturbed_costs
from checks.problem.nested import Array
from checks.problem.part import draw, drawn, elsewhere, part_of, restricted
from checks.problem.problem import Problem, black_box
from tests.checks.problems import network

PARAMS = {"W": np.arange(1.0, 7.0).reshape(2, 3), "b": np.asarray([0.5, 0.25])}
SOME = [np.asarray([1, 4]), np.asarray([], int)]


def cost(p: dict[str, Array]) -> Array:
    """Of one parameter set, or of a stack of them."""
    return np.asarray((p["W"] ** 3).sum(axis=(-2, -1)) * p["b"].sum(axis=-1))


def cubes(*, batched: bool = False) -> Problem:
    """Sums of cubes times a sum."""

    def slopes(p: dict[str, Array]) -> dict[str, Array]:
        return {"W": 3 * p["W"] ** 2 * p["b"].sum(), "b": np.full(2, (p["W"] ** 3).sum())}

    return black_box(cost, slopes, PARAMS, batched=batched)


@pytest.mark.parametrize(("sample", "counts"), [(1, (1, 1)), (4, (4, 2)), (100, (6, 2)),
                                                (0.5, (3, 1)), (1e-9, (1, 1))])  # fmt: skip
def test_a_sample_is_a_count_or_a_share_of_each_tensor(
    sample: float, counts: tuple[int, int]
) -> None:
    """At least one of each and at most all, none twice, in rising order, the same by one seed."""
    whole = cubes()
    chosen = draw(whole, sample, seed=3)
    assert tuple(at.size for at in chosen) == counts
    assert drawn(whole, sample) == sum(counts)
    assert drawn(whole, None) == whole.parameters
    for at, value in zip(chosen, whole.values, strict=True):
        assert np.all(np.diff(at) > 0)
        assert np.all((at >= 0) & (at < value.size))
    for one, other in zip(chosen, draw(whole, sample, seed=3), strict=True):
        assert np.array_equal(one, other)


def test_every_coordinate_is_drawn_by_some_seed() -> None:
    """And about as often as any other."""
    whole = cubes()
    counts = np.zeros(6)
    for seed in range(300):
        counts[draw(whole, 2, seed)[0]] += 1
    assert counts.min() > 60
    assert counts.max() < 140


@pytest.mark.parametrize("dtype", [np.float64, complex, np.float32])
def test_the_functions_of_a_part_are_those_of_the_whole(dtype: type) -> None:
    """With the chosen numbers where they belong, and the others in that precision."""
    whole = cubes()
    part = part_of(whole, SOME)
    assert part.parameters == 2
    moved = copy.deepcopy(PARAMS)
    moved = {name: v.astype(dtype) for name, v in moved.items()}
    moved["W"].reshape(-1)[SOME[0]] = [7, 8]
    values: list[Array] = [np.asarray([7, 8], dtype), np.asarray([], dtype)]
    assert part.cost(values) == whole.cost(list(moved.values()))
    assert part.cost(values).dtype == dtype
    if dtype is not complex:
        right = whole.gradient(list(moved.values()))
        assert np.array_equal(part.gradient(values)["W"], right["W"].reshape(-1)[SOME[0]])
        assert part.gradient(values)["b"].size == 0
    assert np.array_equal(whole.values[0], PARAMS["W"])


def test_a_stack_of_a_part_is_a_stack_of_the_whole() -> None:
    """So many parameter sets in one call."""
    part = part_of(cubes(batched=True), SOME)
    values = [np.asarray([[7.0, 8], [1, 2]]), np.empty((2, 0))]
    assert part.costs is not None
    each = [part.cost([v[k] for v in values]) for k in range(2)]
    assert part.costs(values).tolist() == each


@pytest.mark.parametrize("batched", [False, True])
def test_costs_of_a_part_are_bit_for_bit_those_of_the_whole(*, batched: bool) -> None:
    """One coordinate after the other moved, real or complex."""
    whole = cubes(batched=batched)
    part = part_of(whole, SOME)
    for steps in (np.asarray([1e-3, -0.5]), np.asarray([1e-30j, 2e-30j])):
        own = perturbed_costs(part, 0, np.asarray([0, 1]), steps)
        assert np.array_equal(own, perturbed_costs(whole, 0, SOME[0], steps))


def test_a_network_keeps_its_rerun_and_its_jitter() -> None:
    """Of the chosen coordinates."""
    whole = network()
    chosen = [np.asarray([v.size - 1]) for v in whole.values]
    part = part_of(whole, chosen)
    steps = np.asarray([1e-30j])
    assert part.rerun is not None
    assert whole.rerun is not None
    assert part.rerun(0, np.asarray([0]), steps) == whole.rerun(0, chosen[0], steps)
    assert part.jittered is not None
    assert whole.jittered is not None
    own, all_ = (p(np.random.default_rng(0)) for p in (part.jittered, whole.jittered))
    assert all(np.array_equal(own[n], all_[n].reshape(-1)[-1:]) for n in whole.names)
    assert part_of(cubes(), SOME).rerun is None


def test_elsewhere_all_else_stays_where_it_is() -> None:
    """Of a part only the chosen numbers move; of a whole, all."""
    whole = cubes()
    there = elsewhere(part_of(whole, SOME), [np.asarray([7.0, 8.0]), np.asarray([])])
    assert there.whole is not None
    assert there.whole.values[0].tolist() == [[1, 7, 3], [4, 8, 6]]
    assert there.values[0].tolist() == [7, 8]
    moved = elsewhere(whole, [np.ones((2, 3)), np.ones(2)])
    assert moved.values[0].tolist() == np.ones((2, 3)).tolist()


def test_what_has_another_form_is_left_for_others_to_refuse() -> None:
    """A gradient of the wrong shape, or nesting."""
    found = restricted(cubes(), SOME, {"W": np.ones(3), "more": np.ones(1)})
    assert {n: g.shape for n, g in found.items()} == {"W": (3,), "more": (1,)}


def test_a_part_can_be_sent_elsewhere() -> None:
    """Its functions are methods; of a network, pickled as they are."""
    part = part_of(network(), [np.asarray([0])] * 4)
    again = pickle.loads(cloudpickle.dumps(part))  # noqa: S301 our own
    assert again.cost(again.values) == part.cost(part.values)
