from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from checks.methods.judge import Judge, Values, put
from checks.oracles.lines import along_coordinates
from checks.problem.nested import Array
from checks.verdict.rule import Reason, Ruling, Status
from tests.checks.problems import under_way, vector

NAN = float("nan")


def values(analytic: Any, exact: Any = NAN, rounding: float = 1e-15) -> Values:
    """What is to be judged."""
    a = np.asarray(analytic, np.float64)
    return Values(
        analytic=a,
        exact=np.broadcast_to(np.asarray(exact, np.float64), a.shape).copy(),
        rounding=np.full(a.shape, rounding),
        largest=np.full(a.shape, np.max(np.abs(a))),
        top=float(np.max(np.abs(a))),
    )


def judged(
    cost: Any,
    given: Values,
    *,
    around: Any = None,
    beside: Any = None,
    at: Array | None = None,
) -> Ruling:
    """What is said of coordinates of a cost of three ones."""
    problem = vector(cost, np.ones_like, np.ones(3) if at is None else at)
    judge = Judge(this=under_way(problem, method="sweep", oracle="real"))
    ruling = judge.at_once(given)
    where = np.arange(given.analytic.size)
    lines = along_coordinates(judge.this.problem, 0, where)
    judge.look(lines, given, into=ruling, tensor=0, at=where, around=around, beside=beside)
    judge.reconsider()
    return ruling


def test_real_differences_tell_right_from_wrong() -> None:
    """Coordinate by coordinate."""
    right = np.full(3, np.cos(1))
    ruling = judged(lambda p: np.sin(p).sum(), values(right * [1, 1.00001, -1]))
    assert ruling.status.tolist() == [Status.PASS, Status.FAIL, Status.FAIL]
    assert ruling.alone.tolist() == [False, True, True]


def test_each_line_is_aimed_at_the_complex_slope_as_sharply_as_it_takes() -> None:
    """To tell it from the analytic one; else at that, to `rtol` or four roundings."""
    judge = Judge(this=under_way(vector(lambda p: p.sum(), np.ones_like, np.ones(3))))
    wanted, target = judge.aim(values([2.0, 2.0, 2.0, 0.0], [2.0, 3.0, NAN, NAN]))
    assert wanted.tolist() == [2, 3, 2, 0]
    np.testing.assert_allclose(target, [2e-6, 0.25, 2e-6, 4e-15])
    _, target = judge.aim(values([0.0, 2.0], rounding=0.0))
    np.testing.assert_allclose(target, [2e-6, 2e-6])


def test_what_one_line_shows_of_noise_holds_for_all() -> None:
    """A cost that is a staircase along one line computes its other slopes no better."""

    def cost(p: Array) -> Any:
        return np.round(np.sin(p[0]) / 1e-3) * 1e-3 + 1e-4 * np.sin(p[1:]).sum()

    given = values([np.cos(1), 1e-4 * np.cos(1) * 1.001, 1e-4 * np.cos(1)])
    ruling = judged(cost, given)
    assert ruling.status[0] != Status.FAIL
    assert ruling.status[1] != Status.FAIL
    assert ruling.status[2] != Status.FAIL


@pytest.mark.parametrize(
    ("error", "status"), [(1e-5, Status.FAIL), (-2.0, Status.FAIL), (0.0, Status.PASS)]
)
def test_a_suspect_that_does_not_scatter_is_wrong(error: float, status: Status) -> None:
    """Where real differences cannot tell; what does is rounding, and says how blunt it is."""
    t = np.arange(7)[:, None] * 0.03 + np.ones(3)
    exact = 1e-18 * np.cos(t)
    cost = lambda p: 1 + 1e-18 * np.sin(p).sum()  # noqa: E731
    given = values(exact[3] * (1 + error), exact[3], rounding=1e-33)
    rng = np.random.default_rng(0)

    def around(at: Array, *, everything: bool) -> tuple[Array, Array]:
        return exact[:, at] * (1 + error), exact[:, at]

    assert np.all(judged(cost, given, around=around).status == status)
    rounded = exact * (1 + 1e-5 * rng.choice([-1, 1], exact.shape))
    given = values(rounded[3], exact[3], rounding=1e-33)
    ruling = judged(cost, given, around=lambda at, **_: (rounded[:, at], exact[:, at]))
    assert np.all(ruling.status == Status.PASS)
    assert np.all(ruling.reason == Reason.ROUNDING)
    np.testing.assert_allclose(ruling.resolution, 2e-5, rtol=0.1)


@pytest.mark.parametrize("known", ["still", "ended"])
def test_a_suspect_that_cannot_be_followed_is_undecided(known: str) -> None:
    """As a gradient that was given as numbers, or that ends beside the point."""
    t = np.arange(7)[:, None] * 0.03 + np.ones(3)
    exact = 1e-12 * np.cos(t)
    analytic = np.repeat(exact[3:4] * 1.00001, 7, axis=0)
    if known == "ended":
        analytic[[0, 1, 2, 4, 5, 6]] = np.nan
    given = values(analytic[3], exact[3], rounding=1e-27)
    ruling = judged(
        lambda p: 1 + 1e-12 * np.sin(p).sum(),
        given,
        around=lambda at, **_: (analytic[:, at], exact[:, at]),
    )
    assert np.all(ruling.status == Status.UNDECIDED)


def test_what_is_off_at_the_point_alone_is_left_open_and_may_be_a_kink() -> None:
    """The complex step sees one side of it; the slopes just beside the point show the other."""
    t = np.arange(7)[:, None] * 0.03 + np.ones(3)
    exact = 1e-18 * np.cos(t)
    analytic = exact.copy()
    analytic[3] *= 0.5
    given = values(analytic[3], exact[3], rounding=1e-33)

    def ruled(below: float) -> Any:
        return judged(
            lambda p: 1 + 1e-18 * np.sin(p).sum(),
            given,
            around=lambda at, **_: (analytic[:, at], exact[:, at]),
            beside=lambda at: (below * exact[3, at], exact[3, at]),
        ).status

    assert np.all(ruled(0.25) == Status.KINK)
    assert np.all(ruled(0.75) == Status.UNDECIDED)  # beyond both slopes
    assert np.all(ruled(1.0) == Status.UNDECIDED)  # no kink


def test_a_ruling_is_written_over_another_in_places() -> None:
    """All that it says."""
    one, other = (judged(lambda p: p.sum(), values(np.full(3, a))) for a in (1.0, 2.0))
    put(one, np.asarray([1]), Ruling(**{k: v[[1]] for k, v in vars(other).items()}))
    assert one.status.tolist() == [Status.PASS, Status.FAIL, Status.PASS]
    assert one.alone.tolist() == [False, True, False]


def test_some_values_are_taken_with_all_that_belongs_to_them() -> None:
    """By position."""
    some = values([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]).of(np.asarray([2, 0]))
    assert (some.analytic.tolist(), some.exact.tolist(), some.top) == ([3, 1], [6, 4], 3)
    assert some.largest.tolist() == [3, 3]
