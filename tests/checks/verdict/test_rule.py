from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.oracles import thresholds
from checks.oracles.levels import HOME, Evidence
from checks.problem.nested import Array
from checks.verdict.rule import (
    Reason,
    Ruling,
    Status,
    closest,
    consensus,
    decide,
    followed,
    left_out,
    scattered,
)
from tests.checks.problems import evidence

NAN = float("nan")


def ruled(
    analytic: Any,
    *,
    exact: Any = NAN,
    seen: Evidence | None = None,
    rounding: float = 1e-14,
    largest: float = 1.0,
    top: float = 1.0,
    rtol: float = 1e-6,
    support: float = 0.0,
    blind: bool = False,
    unraised: Evidence | None = None,
) -> Ruling:
    """What is said of values of about 1, exact to rounding."""
    a = np.atleast_1d(np.asarray(analytic, np.float64))
    return decide(
        a,
        rounding=np.full(a.shape, rounding),
        exact=np.broadcast_to(np.asarray(exact, np.float64), a.shape),
        evidence=seen,
        largest=np.full(a.shape, largest),
        top=top,
        rtol=rtol,
        support=support,
        blind=blind,
        unraised=unraised,
    )


def said(ruling: Ruling) -> tuple[Status, Reason]:
    """Status and reason of the only coordinate."""
    return Status(int(ruling.status[0])), Reason(int(ruling.reason[0]))


def sharp(at: float, half: float = 1e-9) -> tuple[float, float]:
    """A narrow interval."""
    return at - half, at + half


# --- right ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given_",
    [
        {"exact": 1 + 1e-10},
        {"seen": evidence(sharp(1, 4e-7))},
        {"exact": 1, "seen": evidence((0, 2))},
    ],
)
def test_what_agrees_sharply_passes_without_a_reason(given_: dict[str, Any]) -> None:
    """Whichever evidence it is: an error of `rtol` would have shown."""
    ruling = ruled(1.0, **given_)
    assert said(ruling) == (Status.PASS, Reason.NONE)
    assert ruling.resolution[0] == 0


@pytest.mark.parametrize(
    ("half", "status"), [(1e-5, Status.PASS), (9e-4, Status.PASS), (1.1e-3, Status.UNDECIDED)]
)
def test_what_agrees_bluntly_says_how_blunt(half: float, status: Status) -> None:
    """Down to a thousandth of its tensor's largest slope; beyond, it is undecided, and why."""
    ruling = ruled(1.0, seen=evidence(sharp(1, half)))
    assert said(ruling) == (status, Reason.NOISE)
    assert ruling.resolution[0] == pytest.approx(half if status is Status.PASS else 0)
    small = ruled(1.0, seen=evidence(sharp(1, half)), largest=100.0)
    assert said(small)[0] is Status.PASS
    assert small.resolution[0] == pytest.approx(half / 100)


@pytest.mark.parametrize(("rounding", "status"), [(1e-5, Status.PASS), (1e-3, Status.UNDECIDED)])
def test_rounding_of_the_gradient_is_the_reason_where_it_blurs(
    rounding: float, status: Status
) -> None:
    """And not the cost's noise."""
    ruling = ruled(1.0, exact=1 + rounding / 2, rounding=rounding)
    assert said(ruling) == (status, Reason.ROUNDING)
    assert ruling.error[0] == rounding


def test_values_that_agree_far_more_closely_than_rounding_leaves_them_do_so_for_a_reason() -> None:
    """As on one side of a kink that rounding may cross; but not where it makes up all of them."""
    sharply = (Status.PASS, Reason.NONE)
    assert said(ruled(1.0, exact=1 + 1e-8, rounding=1e-3)) == sharply
    assert said(ruled(1.0, exact=1 + 1e-5, rounding=1e-3)) == (Status.UNDECIDED, Reason.ROUNDING)
    assert said(ruled(1.0, exact=1.0, rounding=1e-3, support=0.1))[0] == Status.UNDECIDED
    assert said(ruled(1e-4, exact=1e-4, rounding=1e-3))[0] == Status.ZERO
    kinks_near = evidence(*[(NAN, NAN)] * HOME, (1.1, 1.5), (1.1, 1.5), smooth=False)
    assert said(ruled(1.0, exact=1.0, rounding=1e-3, seen=kinks_near)) == sharply
    assert said(ruled(1.0, exact=1.01, rounding=1e-3, seen=kinks_near))[0] == Status.UNDECIDED


def test_a_rough_line_is_the_reason_where_it_is_rough() -> None:
    """With the shortest step within which it is."""
    seen = evidence((0.99, 1.01), (0.9, 1.2), smooth=False)
    ruling = ruled(1.0, seen=seen)
    assert said(ruling) == (Status.UNDECIDED, Reason.ROUGH)
    assert ruling.within[0] == 2.0**-20
    assert np.isnan(ruled(1.0, seen=evidence((0.99, 1.01))).within[0])
    beside = replace(seen, smooth=np.asarray([[True], [False]]))
    assert said(ruled(1.0, seen=beside)) == (Status.UNDECIDED, Reason.ROUGH)
    further = evidence((0.99, 1.01), (NAN, NAN), (0.9, 1.2), smooth=False)
    further = replace(further, smooth=np.asarray([[True], [False], [False]]))
    assert said(ruled(1.0, seen=further)) == (Status.UNDECIDED, Reason.NOISE)


def test_what_the_complex_step_may_not_see_is_as_sure_as_its_support() -> None:
    """By real differences."""
    assert said(ruled(1.0, exact=1.0, support=1e-3)) == (Status.UNDECIDED, Reason.NOISE)
    ruling = ruled(1.0, exact=1.0, support=1e-5)
    assert said(ruling) == (Status.PASS, Reason.NOISE)
    assert ruling.resolution[0] == pytest.approx(2e-5)


# --- wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [-1.0, 0.0, 0.99, 1 + 1e-5, 2.0, 1e9, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("exact", [1.0, NAN])
def test_what_sharp_evidence_leaves_out_fails(a: float, exact: float) -> None:
    """One piece of it real; real evidence alone says so."""
    ruling = ruled(a, exact=exact, seen=evidence(sharp(1)))
    assert said(ruling)[0] is Status.FAIL
    assert ruling.numeric[0] == pytest.approx(1)
    assert not ruling.suspect[0] or np.isnan(a)
    assert ruling.alone[0] == (np.isnan(exact) and np.isfinite(a))


def test_the_complex_step_alone_makes_a_suspect() -> None:
    """Undecided, until real differences or its scatter tell."""
    for seen in (None, evidence((0.0, 2.0))):
        ruling = ruled(1.001, exact=1.0, seen=seen)
        assert said(ruling) == (Status.UNDECIDED, Reason.DIFFER)
        assert ruling.suspect[0]


@pytest.mark.parametrize(
    ("off", "status"), [(0.49, Status.PASS), (-0.49, Status.PASS), (0.52, Status.FAIL)]
)
@pytest.mark.parametrize("exact", [1.0, NAN])
def test_half_of_what_was_promised_is_no_error(off: float, status: Status, exact: float) -> None:
    """Of the larger value: two that are each right to half of it lie no further apart."""
    for rtol in (1e-6, 1e-3):
        seen = evidence(sharp(1, rtol / 1e3))
        assert said(ruled(1 + off * rtol, exact=exact, seen=seen, rtol=rtol))[0] is status


def test_an_error_less_than_rounding_explains_is_none() -> None:
    """And one of more is."""
    seen = evidence(sharp(1))
    for off, status in ((0.9e-4, Status.PASS), (1.1e-4, Status.FAIL)):
        assert said(ruled(1 + off, exact=1.0, seen=seen, rounding=1e-4))[0] is status


# --- the closest evidence that can tell -----------------------------------------------------------


def test_closer_real_evidence_overrules_the_complex_step() -> None:
    """Which may not see all of the cost."""
    seen = evidence(sharp(1))
    assert said(ruled(1.0, exact=2.0, seen=seen, blind=True)) == (Status.PASS, Reason.NONE)
    assert said(ruled(2.0, exact=2.0, seen=seen, blind=True))[0] is Status.FAIL
    assert said(ruled(1.0, exact=2.0, seen=seen)) == (Status.UNDECIDED, Reason.DIFFER)
    assert said(ruled(1.0, exact=1 + 9e-7, seen=seen))[0] is Status.PASS  # rounding of it


def test_what_the_complex_step_bears_out_is_not_failed_by_real_differences_alone() -> None:
    """Unless it may not see all of the cost: then two oracles differ, and nobody is wrong."""
    seen = evidence(sharp(1))
    assert said(ruled(2.0, exact=2.0, seen=seen)) == (Status.UNDECIDED, Reason.DIFFER)
    assert said(ruled(0.0, exact=0.0, seen=seen))[0] is Status.FAIL  # a zero bears nothing out


def test_evidence_too_blunt_to_tell_overrules_nothing() -> None:
    """Two values are told apart by what is narrower than half of their distance."""
    assert said(ruled(2.0, exact=2.0, seen=evidence((0.5, 1.5))))[0] is Status.PASS
    assert said(ruled(2.0, exact=1.0, seen=evidence((0.5, 1.5))))[0] is Status.UNDECIDED


def test_the_closest_evidence_decides_what_is_right() -> None:
    """What lies further out and elsewhere is of another part of the line."""
    seen = evidence(sharp(1), sharp(5))
    assert said(ruled(1.0, seen=seen)) == (Status.PASS, Reason.NONE)
    assert said(ruled(1.0, exact=1.0, seen=seen)) == (Status.PASS, Reason.NONE)


def test_what_some_sharp_evidence_holds_is_not_failed() -> None:
    """Though it is not the closest: wrong is what lies outside the hull of all of it."""
    seen = evidence(sharp(1), sharp(5))
    for a in (5.0, 3.0):
        assert said(ruled(a, seen=seen)) == (Status.UNDECIDED, Reason.DIFFER)
    assert said(ruled(9.0, seen=seen))[0] is Status.FAIL


@pytest.mark.parametrize(
    ("unraised", "status"),
    [
        (evidence(sharp(1, 0.1)), Status.UNDECIDED),  # it holds the value, and not the other
        (evidence((0, 3)), Status.FAIL),  # it cannot tell
        (evidence(sharp(2, 0.1)), Status.FAIL),
        (evidence((1.5, 3), (1.5, 3), smooth=False), Status.UNDECIDED),  # a kink
    ],
)
def test_what_closer_levels_left_standing_before_noise_was_raised_is_not_wrong(
    unraised: Evidence, status: Status
) -> None:
    """Raised noise may be that of a kink: what blurs close by does not make farther levels true."""
    seen = evidence(sharp(2))
    assert said(ruled(1, seen=seen))[0] == Status.FAIL
    assert said(ruled(1, seen=seen, unraised=unraised))[0] == status


def test_consensus_is_what_the_closest_agree_on() -> None:
    """From the point outward, for as long as the intervals meet; NaN is no interval."""
    nan = (NAN, NAN)
    for rows, expected in (
        ([(0, 4), (1, 5), (2, 3)], (2, 3)),
        ([(0, 2), (3, 4), (0, 1)], (0, 2)),
        ([nan, (0, 2), nan, (1, 3)], (1, 2)),
    ):
        lo, hi = consensus(evidence(*rows))
        assert (lo[0], hi[0]) == expected
    assert np.isnan(consensus(evidence(nan))).all()


@pytest.mark.parametrize(
    ("rows", "one"),
    [
        ([(0, 3)], 0),  # holds both
        ([(5, 6)], 0),  # neither
        ([(0.9, 1.1)], 1),
        ([(1.9, 2.1)], -1),
        ([(0, 3), (0.9, 1.1), (1.9, 2.1)], 1),
        ([(NAN, NAN), (1.9, 2.1), (0.9, 1.1)], -1),
    ],
)
def test_the_closest_that_can_tell_two_values_apart_tells(
    rows: list[tuple[float, float]], one: int
) -> None:
    """1 against 2."""
    assert closest(evidence(*rows), np.ones(1), np.full(1, 2.0))[0] == one


def test_left_out_is_what_lies_half_a_width_beyond_all_that_can_tell() -> None:
    """What is too wide to tell has no say in it."""
    seen = evidence((0.9, 1.1), (-9, 9))
    for value, out in ((2.0, True), (1.21, False), (0.0, True), (1.0, False)):
        assert left_out(seen, np.full(1, value), np.ones(1))[0] == out
    assert not left_out(evidence((-9, 9)), np.full(1, 2.0), np.ones(1))[0]
    for value, out in ((1.15, False), (1.25, True), (0.85, False), (0.75, True)):
        rival = np.full(1, 1.0 + 2 * np.sign(1 - value))
        assert left_out(evidence((0.9, 1.1)), np.full(1, value), rival)[0] == out


# --- zero, kinks, nothing -------------------------------------------------------------------------


def test_zero_on_both_sides_is_zero() -> None:
    """Below rounding, and the real cost does not slope; beside the problem's largest slope."""
    for given_ in (
        {"exact": 0.0},
        {"exact": 1e-15},
        {"seen": evidence((0, 0))},
        {"seen": evidence((-1e-4, 1e-4))},
    ):
        assert said(ruled(0.0, **given_))[0] is Status.ZERO
    assert said(ruled(1e-15, exact=-1e-15))[0] is Status.ZERO
    assert said(ruled(0.0, seen=evidence((-1e-2, 1e-2))))[0] is Status.UNDECIDED
    assert said(ruled(0.0, seen=evidence((-1e-2, 1e-2)), top=100.0))[0] is Status.ZERO


def test_zero_on_one_side_is_compared_like_any_number() -> None:
    """It fails where there is evidence, whichever side it is."""
    assert said(ruled(0.0, exact=1.0, seen=evidence(sharp(1))))[0] is Status.FAIL
    assert said(ruled(0.0, exact=0.0, seen=evidence(sharp(1))))[0] is Status.FAIL
    assert said(ruled(1.0, exact=0.0, seen=evidence(sharp(0))))[0] is Status.FAIL
    assert said(ruled(1.0, seen=evidence((0, 0))))[0] is Status.FAIL


@pytest.mark.parametrize(
    ("a", "status"),
    [
        (0, Status.KINK),
        (0.3, Status.KINK),
        (1, Status.KINK),
        (-0.1, Status.FAIL),
        (1.2, Status.FAIL),
    ],
)
@pytest.mark.parametrize("exact", [NAN, 0.0, 1.0, 0.5])
def test_on_a_kink_anything_between_its_slopes_is_right(
    a: float, status: Status, exact: float
) -> None:
    """And nothing beyond them, whatever the complex step says."""
    ruling = ruled(a, exact=exact, seen=evidence((0, 1), (0, 1), smooth=False))
    assert said(ruling)[0] is status
    assert 0 <= ruling.numeric[0] <= 1
    assert not ruling.suspect[0]


def test_beyond_other_kinks_hulls_say_nothing_of_the_one_at_the_point() -> None:
    """The slopes on both sides are those that stay the same close by."""
    near, far = (-0.5, 1.0), (-0.6, 0.9)
    seen = evidence(near, near, (NAN, NAN), far, smooth=False)
    for a, status in ((0.95, Status.KINK), (-0.55, Status.FAIL), (1.05, Status.FAIL)):
        assert said(ruled(a, seen=seen))[0] == status


def test_nothing_measured_is_undecided() -> None:
    """Unseen; a gradient that is no number fails even so, and never passes."""
    for seen in (None, evidence((NAN, NAN))):
        assert said(ruled(1.0, seen=seen)) == (Status.UNDECIDED, Reason.UNSEEN)
        assert said(ruled(0.0, seen=seen)) == (Status.UNDECIDED, Reason.UNSEEN)
        assert said(ruled(NAN, seen=seen))[0] is Status.FAIL


@pytest.mark.parametrize("key", ["rounding", "largest", "top", "support", "rtol"])
def test_a_bound_that_is_not_a_number_passes_nothing(key: str) -> None:
    """Nor does it with real evidence."""
    options: dict[str, Any] = {key: NAN}
    blunt = {"seen": evidence(sharp(1, 1e-5))}
    for given_ in ({"exact": 1.0, "rounding": 1e-5}, blunt):
        ruling = ruled(1.0, **{**given_, **options})
        harmless = key == "top" or (key == "support" and "seen" in given_)
        assert (said(ruling)[0] is Status.PASS) <= harmless


# --- one by one, and by the million ---------------------------------------------------------------

VALUES = st.sampled_from([0.0, 1.0, 1 + 3e-7, 1 + 1e-5, -1.0, 2.0, 1e-15, NAN])
SPANS = st.sampled_from(
    [(0.0, 0.0), sharp(1), sharp(1, 1e-5), (0, 1), (0.5, 3), sharp(2), (NAN, NAN)]
)
COORDINATES = st.tuples(VALUES, VALUES, st.lists(SPANS, min_size=3, max_size=3), st.booleans())


@given(st.lists(COORDINATES, min_size=1, max_size=12), st.integers(0, 99))
def test_a_coordinate_is_judged_by_itself(each: list[Any], seed: int) -> None:
    """What is said of it does not depend on its neighbours, nor on how many there are."""
    a, exact = (np.asarray([row[k] for row in each], float) for k in (0, 1))
    spans = np.asarray([row[2] for row in each], float)  # (m, levels, 2)
    smooth = np.repeat([[row[3]] for row in each], 3, axis=1).T
    h = np.broadcast_to(4.0 ** np.arange(3)[:, None] * 2.0**-20, smooth.shape)
    seen = Evidence(h=h, lo=spans[..., 0].T, hi=spans[..., 1].T, smooth=smooth, noise=0 * h)

    def of(at: Array) -> Ruling:
        return decide(
            a[at], rounding=np.full(at.size, 1e-14), exact=exact[at], evidence=seen.of(at),
            largest=np.ones(at.size), top=1.0, rtol=1e-6,
        )  # fmt: skip

    many = np.random.default_rng(seed).integers(a.size, size=1000)
    together = of(many)
    for k in range(a.size):
        for key, alone in vars(of(np.asarray([k]))).items():
            found = getattr(together, key)[many == k]
            np.testing.assert_array_equal(found, np.repeat(alone, found.size))


def test_a_million_are_judged_as_one() -> None:
    """No tolerance grows with size."""
    a = np.full(10**6, 1 + 0.6e-6)
    seen = evidence(sharp(1))
    many = Evidence(**{k: np.repeat(v, a.size, axis=1) for k, v in vars(seen).items()})
    assert np.all(ruled(a, exact=1.0, seen=many).status == Status.FAIL)
    assert np.all(ruled(a, exact=1.0).suspect)


@given(VALUES, VALUES, st.lists(SPANS, min_size=1, max_size=4), st.booleans())
def test_the_promises_hold_whatever_the_evidence(
    a: float,
    exact: float,
    rows: list[tuple[float, float]],
    smooth: bool,  # noqa: FBT001
) -> None:
    """NaN never passes; a pass has evidence that holds it, and a failure some that does not."""
    seen = evidence(*rows, smooth=smooth)
    ruling = ruled(a, exact=exact, seen=seen)
    status, reason = said(ruling)
    lo, hi = seen.lo[:, 0], seen.hi[:, 0]
    slack = 1e-6 * max(abs(a), abs(exact), 1)
    holds = (lo - slack <= a) & (a <= hi + slack)
    near = abs(a - exact) <= slack
    if status in (Status.PASS, Status.ZERO):
        assert np.any(holds) or near
    if status is Status.KINK:
        assert not smooth
        assert np.any(holds)
    if status is Status.FAIL:
        assert np.isnan(a) or np.any(~holds & np.isfinite(lo))
    if status is Status.UNDECIDED:
        assert reason is not Reason.NONE
    if np.isnan(a):
        assert status is Status.FAIL


# --- rounding scatters ----------------------------------------------------------------------------


def sigmoid_slopes(z: float) -> tuple[Array, Array]:
    """a (1 - a) as it is computed, and exactly, at places around z."""
    t = z * (1 + (np.arange(thresholds.POINTS) - 3) * thresholds.APART)
    a = 1 / (1 + np.exp(-t))
    e = np.exp(-t)
    return (a * (1 - a))[:, None], (e / (1 + e) ** 2)[:, None]


@pytest.mark.parametrize("z", [17.0, 20.0, 25.0, 30.0, 33.0])
def test_rounding_scatters(z: float) -> None:
    """As a (1 - a) of a saturated sigmoid, which has lost 8 to 15 digits."""
    assert scattered(*sigmoid_slopes(z)).all()


@pytest.mark.parametrize("z", [2.0, 5.0, 12.0])
@pytest.mark.parametrize(
    "wrong", [lambda a: a * (1 + 1e-5), lambda a: -a, lambda a: 0 * a, lambda a: 1.5 * a]
)
def test_an_error_does_not_scatter(z: float, wrong: Any) -> None:
    """Relative to the values a bug is smooth: a factor, a sign, nothing at all."""
    analytic, exact = sigmoid_slopes(z)
    assert not scattered(wrong(analytic), exact).any()


def test_an_error_as_large_as_the_slope_shows_beside_rounding() -> None:
    """Up to where rounding is as large itself."""
    for z in (17.0, 20.0, 25.0):
        analytic, exact = sigmoid_slopes(z)
        assert not scattered(-analytic, exact).any()
        assert not scattered(0 * analytic, exact).any()


def test_what_cannot_be_followed_is_neither_rounding_nor_wrong() -> None:
    """A gradient that ends beside the point, or that was given as numbers and stands still."""
    analytic, exact = sigmoid_slopes(20.0)
    assert followed(analytic, exact).all()
    still = np.repeat(analytic[3:4], thresholds.POINTS, axis=0)
    assert not followed(still, exact).any()
    assert followed(0 * still, exact).all()
    assert followed(still, np.repeat(exact[3:4], thresholds.POINTS, axis=0)).all()
    for rows in (analytic, exact):
        kept, rows[0] = rows[0].copy(), np.nan
        assert not followed(analytic, exact).any()
        rows[0] = kept
    assert not scattered(np.zeros((7, 1)), np.zeros((7, 1))).any()


def test_what_looks_smooth_beyond_a_kink_convicts_nothing_that_the_kink_holds() -> None:
    """That may be chance. It convicts what the kink leaves out, and where there is no kink."""
    smooth = np.asarray([[False], [True]])
    kinked = replace(evidence((0.4, 1.1), sharp(0.7)), smooth=smooth)
    assert said(ruled(1.0, seen=kinked, largest=10.0))[0] is Status.UNDECIDED
    assert said(ruled(1.5, seen=kinked, largest=10.0))[0] is Status.FAIL
    noisy = replace(kinked, noise=np.asarray([[0.3], [0.0]]))
    assert said(ruled(1.0, seen=noisy, largest=10.0))[0] is Status.FAIL
