import pytest

from backprop.system.folding import fitted

TABLE = """\
tensor  parameters  checked  zero  undecided  wrong    worst  where
W1          31,360   31,360     0          0      0  6.0e-13  W1[34, 7]
b1              40       40     0          0      0  7.8e-15  b1[18]"""


@pytest.mark.parametrize("columns", [80, 200])
def test_a_table_that_fits_is_left_alone(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """To the letter."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert fitted(TABLE) == TABLE


def test_a_table_that_is_too_wide_is_stacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each number beside its head, in no more columns than there are; nothing is lost."""
    monkeypatch.setenv("COLUMNS", "40")
    assert fitted(f"before\n{TABLE}\npass: all").splitlines() == [
        "before",
        "tensor W1",
        "  parameters 31,360, checked 31,360,",
        "  zero 0, undecided 0, wrong 0,",
        "  worst 6.0e-13, where W1[34, 7]",
        "tensor b1",
        "  parameters 40, checked 40, zero 0,",
        "  undecided 0, wrong 0, worst 7.8e-15,",
        "  where b1[18]",
        "pass: all",
    ]


def test_what_is_no_table_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of unequal length, and a drawing."""
    monkeypatch.setenv("COLUMNS", "40")
    for text in ("a  b  c\n" + "d  e " * 20, "  |" + " #  " * 20 + "|"):
        assert fitted(text) == text
