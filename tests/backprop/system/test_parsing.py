import pytest

from backprop.system import parsing


@pytest.mark.parametrize(
    "text",
    ["3-1-4", "3 1 4", "3,1,4", "3x1x4", "3×1×4", " 3, 1, 4 ", "3 - 1 - 4", "3 1-4", "03-1-4"],
)
def test_a_shape_can_be_written_in_several_ways(text: str) -> None:
    """With hyphens, commas, an x or spaces between, and spaces around."""
    assert parsing.parse_shape(text) == (3, 1, 4)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("784 4O 10", "4O"),
        ("3--1", ""),
        ("3,,1", ""),
        ("3-", ""),
        ("3 1,", ""),
        ("-3-1", ""),
        ("", ""),
        ("3.5 1", "3.5"),
        ("³ 1", "³"),
        ("٣ 1", "٣"),
        ("9999999999999999999 1", "9999999999999999999"),
        (f"{'9' * 5000} 1", "9" * 5000),
    ],
)
def test_what_is_no_width_is_named(text: str, wrong: str) -> None:
    """A width that was left out as well."""
    with pytest.raises(ValueError, match="shape: expected whole numbers of up to 18") as caught:
        parsing.parse_shape(text)
    got = repr(wrong) if wrong else "none on one side of a separator"
    assert str(caught.value).endswith(f"such as 784 40 10, got {got} in {text!r}")


def test_one_width_is_no_shape() -> None:
    """There are an input and an output at least."""
    with pytest.raises(ValueError, match=r"expected at least two layer widths, .* got '64'"):
        parsing.parse_shape("64")


def test_names_have_commas_between() -> None:
    """And blanks around; a single one is no list."""
    assert parsing.parse_names(" tanh ") == "tanh"
    assert parsing.parse_names("tanh, relu ,sigmoid") == ["tanh", "relu", "sigmoid"]
    assert parsing.parse_names("tanh,") == ["tanh", ""]
