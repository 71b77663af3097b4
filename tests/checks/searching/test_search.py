from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checks.searching import engine
from checks.searching.search import search
from tests.checks.searching import makers


@pytest.mark.parametrize(
    ("make", "shape", "batch_size", "code"),
    [
        (makers.square, [2, 2], 1, "transposed"),
        (makers.one_sample, [1, 1], 1, None),
        (makers.several_samples, [1, 1], 3, None),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_what_a_shape_hides_is_found_at_the_smallest_that_shows_it(
    make: Any, shape: list[int], batch_size: int, code: str | None
) -> None:
    """A square layer, a batch of one, and three samples."""
    found = search(make, examples=300)
    assert (found.verdict, bool(found)) == ("fail", False)
    assert found.example is not None
    assert (found.example["shape"], found.example["batch_size"]) == (shape, batch_size)
    assert found.example["point"] == "rounded"
    assert found.report is not None
    assert {t.name: t.failed > 0 for t in found.report.tensors} == {"W": True, "b": False}
    if code:
        assert found.report.diagnosis is not None
        assert found.report.diagnosis.code == code


def test_the_example_found_is_wrong_when_it_is_made_again() -> None:
    """With the seed, and the numbers that are shown, which are round."""
    found = search(makers.square, examples=300)
    assert found.example is not None
    _, _, params = makers.square((2, 2), 1, found.example["seed"])
    for name, value in params.items():
        rounded = [float(f"{v:.0e}") for v in value.reshape(-1)]
        assert found.values[name].reshape(-1).tolist() == rounded
    assert "W = [[" in str(found)


def test_right_code_is_not_accused() -> None:
    """At no shape, point or scale, though saturated units are among them."""
    found = search(makers.right, examples=150)
    assert (found.verdict, found.example, found.report) == ("pass", None, None)
    assert bool(found)
    assert found.counts["pass"] > 75
    assert "pass: no wrong gradient found in" in str(found)
    assert set(found.looked_over) == {"layers", "widths", "batch sizes", "points"}


def test_a_kink_in_several_samples_is_not_taken_for_a_mistake() -> None:
    """Units of ReLU that are at zero for all samples, where the formula says zero, as it should."""

    def make(shape: tuple[int, int], batch_size: int, seed: int) -> Any:
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(batch_size, shape[0])), rng.normal(size=(batch_size, shape[1]))

        def cost(W: Any) -> Any:
            z = x @ W
            return ((z * (z.real > 0) - y) ** 2).sum()

        def gradients(W: Any) -> Any:
            z = x @ W
            return x.T @ (2 * (z * (z > 0) - y) * (z > 0))

        return cost, gradients, rng.normal(size=shape)

    found = search(make, examples=150, point="some-zeros", shape=(1, 4))
    assert found.verdict == "pass", str(found)
    assert found.counts["passed over"] > 0


def test_what_is_wrong_at_zero_alone_is_found() -> None:
    """Where the cost is smooth there: the slope of x + x³ is 1 at zero, and not sign(x)² of it."""

    def make(shape: tuple[int], seed: int) -> Any:
        x = np.random.default_rng(seed).normal(size=shape)
        return lambda x: (x + x**3).sum(), lambda x: np.sign(x) ** 2 * (1 + 3 * x**2), x

    found = search(make, examples=200)
    assert found.verdict == "fail"
    assert found.example is not None
    assert (found.example["shape"], found.example["point"]) == ([2], "some-zeros")


def test_a_maker_may_draw_from_strategies() -> None:
    """And is shrunk to the first values that are wrong."""
    found = search(makers.drawing, examples=300)
    assert found.example == {"drawn": ["3", "2.0"], "point": "rounded"}
    assert found.repeat == "search(make, example={'point': 'rounded', 'drawn': ['3', '2.0']})"


@pytest.mark.parametrize("make", [makers.square, makers.drawing])
def test_one_example_can_be_looked_at_again(make: Any) -> None:
    """By the call that is printed; a right twin of it passes there."""
    found = search(make, examples=300)
    again = eval(found.repeat, {"search": search, "make": make})  # noqa: S307 its own words
    assert (again.verdict, again.example, again.looked_at) == ("fail", found.example, 1)
    assert again.report is not None
    assert found.report is not None
    assert again.report.failures == found.report.failures
    if make is makers.square:
        assert search(makers.right, example=found.example).verdict == "pass"


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ({"size": 3}, "example: expected what a search has found"),
        (3, "example: expected what a search has found"),
        ({"seed": 3}, "example: expected shape, batch_size in it, for square asks for that"),
    ],
)
def test_an_example_that_is_none_is_told(example: Any, message: str) -> None:
    """What is missing, or not known."""
    with pytest.raises(ValueError, match=message):
        search(makers.square, example=example)


def test_what_is_given_is_held() -> None:
    """Shape, batch size and point; the dtype is asked for by its name."""
    seen = set()

    def make(shape: Any, batch: int, seed: int, dtype: Any) -> Any:
        seen.add((shape, batch, str(dtype)))
        return lambda x: (x**2).sum(), lambda x: 2 * x, np.ones(2, dtype)

    found = search(make, examples=30, shape=[3, 2], batch_size=4, point="as-made", dtype="float32")
    assert found.verdict == "pass"
    assert seen == {((3, 2), 4, "float32")}
    assert found.looked_over["points"] == "as-made"


def test_an_annotation_says_how_many_widths_there_are() -> None:
    """tuple[int, int, int] is three."""
    seen = set()

    def make(shape: tuple[int, int, int]) -> Any:
        seen.add(len(shape))
        return lambda x: (x**2).sum(), lambda x: 2 * x, np.ones(2)

    assert search(make, examples=20).verdict == "pass"
    assert seen == {3}


def test_the_same_seed_searches_the_same() -> None:
    """And another one something else."""

    def looked_at(seed: int) -> list[Any]:
        seen = []

        def make(shape: Any, seed: int) -> Any:
            seen.append((shape, seed))
            return lambda x: (x**2).sum(), lambda x: 2 * x, np.ones(2)

        search(make, examples=20, seed=seed)
        return seen

    assert looked_at(3) == looked_at(3)
    assert looked_at(3) != looked_at(4)


def test_the_next_search_begins_with_the_failure(tmp_path: Path) -> None:
    """Where there is a folder to keep it in; without one nothing is left anywhere."""
    first = search(makers.square, examples=300, database=tmp_path)
    again = search(makers.square, examples=300, database=tmp_path)
    assert first.before > 1
    assert (again.before, again.example) == (1, first.example)
    assert search(makers.square, examples=300).before == first.before


def test_nothing_is_left_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No `.hypothesis`."""
    monkeypatch.chdir(tmp_path)
    search(makers.square, examples=20)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_built_is_left_out() -> None:
    """None is no error; never anything else is."""

    def make(shape: tuple[int, ...], batch_size: int, seed: int) -> Any:
        return makers.square(shape, batch_size, seed) if shape[0] > 2 else None

    found = search(make, examples=300)
    assert found.example is not None
    assert found.example["shape"] == [3, 3]
    assert found.counts["refused"] > 0
    with pytest.raises(ValueError, match="make: expected a problem for some shape, got None"):
        search(lambda shape: None, examples=20)


def test_what_is_raised_for_some_shapes_is_raised_with_the_smallest() -> None:
    """Unless something is wrong as well, which comes first."""

    def make(shape: tuple[int, ...], batch_size: int, seed: int) -> Any:
        if batch_size == 3:
            raise ZeroDivisionError("three")
        return makers.right(shape, batch_size, seed)

    with pytest.raises(ZeroDivisionError, match="three") as caught:
        search(make, examples=60, point="as-made")
    (note,) = caught.value.__notes__
    assert re.fullmatch("raised for shape 1-1, batch size 3, seed \\d+", note)

    def wrong(shape: tuple[int, ...], batch_size: int, seed: int) -> Any:
        make(shape, batch_size, seed)
        return makers.square(shape, batch_size, seed)

    found = search(wrong, examples=200, point="as-made")
    assert found.verdict == "fail"
    assert found.counts["raised"] > 0


def test_a_maker_that_always_raises_is_not_asked_for_ever() -> None:
    """Its error is raised after a few examples."""
    calls = []

    def make(shape: Any) -> Any:
        calls.append(shape)
        raise error("nothing works")

    for error, most in ((KeyError, 20 * engine.HOPELESS), (ImportError, 1), (OSError, 1)):
        calls.clear()
        with pytest.raises(error, match="nothing works"):
            search(make, examples=10_000)
        assert len(calls) <= most


def test_points_outside_of_the_domain_are_passed_over() -> None:
    """A cost that is infinite or raises where the search alone has put it."""

    def make(shape: Any, seed: int) -> Any:
        def cost(x: Any) -> Any:
            if (np.abs(np.real(x)) > 5).any():
                raise ValueError("out of range")
            return np.log(x).sum()

        return cost, lambda x: 1 / x, np.asarray([0.6, 3.0])

    found = search(make, examples=60)
    assert found.verdict == "pass"
    assert found.counts["passed over"] > 0


def test_a_gradient_given_as_arrays_is_looked_at_where_it_holds() -> None:
    """At the point as made, and nowhere else."""

    def make(seed: int) -> Any:
        x = np.random.default_rng(seed).normal(size=3)
        return lambda x: (x**2).sum(), 2 * x, x

    found = search(make, examples=40)
    assert (found.verdict, found.looked_over["points"]) == ("pass", "as-made")


def test_where_nothing_can_be_decided_that_is_said() -> None:
    """With the report on the smallest of them."""

    def make(shape: Any) -> Any:
        return lambda x: 0 * x.sum() + 1, np.zeros_like, np.ones(2)

    found = search(make, examples=20)
    assert (found.verdict, bool(found)) == ("undecided", False)
    assert "undecided: none of" in str(found)
    assert found.report is not None
    assert found.report.verdict == "undecided"


def test_functions_that_return_what_they_should_not_are_found() -> None:
    """A cost that is no number, and a gradient of another shape, as a check has them."""
    cases = {
        "cost-not-scalar": (lambda x: x, lambda x: x),
        "shape": (lambda x: x.sum(), lambda x: np.ones(3)),
    }
    for code, (cost, gradients) in cases.items():
        found = search(lambda shape, c=cost, g=gradients: (c, g, np.ones(2)))
        assert found.verdict == "fail"
        assert found.report is not None
        assert found.report.diagnosis is not None
        assert found.report.diagnosis.code == code


def test_a_maker_that_returns_what_it_should_not_is_told_at_once() -> None:
    """What it returned, and what was expected."""
    with pytest.raises(ValueError, match=r"return \(cost, gradients, params\).*got int"):
        search(lambda shape: 3)
    with pytest.raises(ValueError, match=r"make\(shape=.*float"):
        search(_named_make)


def _named_make(shape: Any) -> Any:
    return lambda x: x.sum(), lambda x: x, np.ones(2, int)


def test_time_ends_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock, which here moves on by a second whenever it is looked at."""
    seconds = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))
    found = search(makers.right, seconds=20)
    assert found.verdict == "pass"
    assert 5 < found.looked_at < 20


def test_an_interrupt_leaves_the_smallest_so_far() -> None:
    """Before anything wrong was found it is an interrupt."""
    calls = []

    def make(shape: tuple[int, ...], batch_size: int, seed: int) -> Any:
        calls.append(shape)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return makers.square(shape, batch_size, seed)

    found = search(make, examples=300)
    assert (found.verdict, found.stopped) == ("fail", "interrupted")
    assert "interrupted before it was through: there may be a smaller one" in str(found)

    def interrupted(shape: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="after 0 examples, none of them wrong"):
        search(interrupted)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (3, "make: expected a function make(shape, seed)"),
        (lambda n: n, "got one that asks for n: rename"),
        (lambda: 3, "got one without these arguments"),
        (lambda draw, seed: 3, "draw all of it"),
        (lambda shape, /: 3, "leave out the /"),
        (dict, "expected a function make(shape, seed)"),
    ],
)
def test_what_is_no_maker_is_said(make: Any, message: str) -> None:
    """What a maker is, and what came."""
    with pytest.raises(ValueError, match=re.escape(message)):
        search(make)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"examples": 0}, "examples: expected a whole number of 1 or more, got 0"),
        ({"seconds": -1.0}, "seconds: expected a finite number above 0, got -1.0"),
        ({"point": "nowhere"}, "point: expected one of rounded, some-zeros"),
        ({"dtype": "float32"}, "asks for shape, batch_size, seed alone, got float32"),
        ({"shape": [0, 2]}, "shape: expected a whole number of 1 or more, got 0"),
        ({"method": "swep"}, "did you mean 'sweep'?"),
    ],
)
def test_options_are_checked_first(options: Any, message: str) -> None:
    """Each by its name."""
    with pytest.raises(ValueError, match=re.escape(message)):
        search(makers.right, **options)


def test_a_result_is_plain_values_too() -> None:
    """As JSON, with the report in it."""
    found = search(makers.square, examples=300)
    fields = json.loads(found.to_json())
    assert fields["verdict"] == fields["report"]["verdict"] == "fail"
    assert fields["example"]["shape"] == [2, 2]
    assert set(fields["values"]) == {"W", "b"}
    assert repr(found) == f"<SearchResult {found.summary}>"
