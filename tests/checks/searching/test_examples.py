import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from checks.searching.examples import Below, Example, Size, Sizes, example_of


@st.composite
def sizes(draw: st.DrawFn, of: Sizes) -> Size:
    """As a space draws them."""
    return of.draw(draw, None)


def test_shapes_and_batches_shrink_to_the_smallest() -> None:
    """One unit in two layers, and a batch of one; square ones to two units."""
    assert find(sizes(Sizes()), lambda _: True) == ((1, 1), 1)
    assert find(sizes(Sizes()), lambda s: len(s[0]) > 2 and s[1] == 2) == ((1, 1, 1), 2)
    assert find(sizes(Sizes(widths=3, batched=False)), lambda _: True) == ((1, 1, 1), None)


@given(sizes(Sizes(shape=(3, 2), batch_size=5)))
def test_what_is_held_is_drawn_every_time(size: Size) -> None:
    """Both."""
    assert size == ((3, 2), 5)


@given(sizes(Sizes()))
def test_all_that_is_below_is_smaller(size: Size) -> None:
    """Units first, then layers, then samples; nothing twice."""
    example = Example(shape=size[0], batch_size=size[1])
    below = Sizes().below(example)
    assert len(set(below)) == len(below)
    for shape, batch_size in below:
        assert Example(shape=shape, batch_size=batch_size).size < example.size


def test_below_a_size_are_all_that_are_smaller() -> None:
    """Where they are few; within what is held."""
    example = Example(shape=(1, 2), batch_size=2)
    assert Sizes().below(example) == [((1, 1), b) for b in range(1, 9)] + [((1, 2), 1), ((2, 1), 1)]
    assert Sizes(shape=(1, 2)).below(example) == [((1, 2), 1)]
    assert Sizes(batch_size=2).below(example) == [((1, 1), 2)]
    assert Sizes(widths=3).below(example) == []


def test_sizes_that_are_given_are_drawn_from() -> None:
    """And no other."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Size:
        return Sizes().draw(draw, Below(sizes=[((4, 4), 3)], like=Example()))

    assert find(drawn(), lambda _: True) == ((4, 4), 3)


def test_an_example_says_what_it_is_made_of() -> None:
    """In words, as options, and as plain values that it can be made from again."""
    example = Example(shape=(2, 3), batch_size=1, dtype="float32", point="large", seed=7)
    assert example.words == "shape 2-3, batch size 1, dtype float32, point large, seed 7"
    assert " ".join(example.options) == ("--batch-size 1 --dtype float32 --point large --seed 7")
    assert example_of(example.to_dict(), "make", ("shape", "batch")) == example
    drawn = Example(drawn=("3", "'a b'"))
    assert drawn.options == ["--drawn", "'3, '\"'\"'a b'\"'\"''"]
    assert example_of(drawn.to_dict(), "make", ("draw",)) == drawn


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (Example(shape=(1, 3)), Example(shape=(1, 2, 2))),
        (Example(shape=(1, 3)), Example(shape=(1, 1, 2))),
        (Example(shape=(1, 3), batch_size=8), Example(shape=(1, 4), batch_size=1)),
        (Example(shape=(1, 3), seed=9), Example(shape=(1, 3), seed=0, point="small")),
        (Example(shape=(1, 3), seed=9), Example(shape=(1, 3), seed=10)),
        (Example(drawn=("3",)), Example(drawn=("10",))),
    ],
)
def test_the_plainer_of_two_examples_has_the_lesser_rank(less: Example, more: Example) -> None:
    """Smaller ones first."""
    assert less.rank < more.rank
