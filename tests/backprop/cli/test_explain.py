from pathlib import Path

from tests.backprop.cli.runs import bad, good


def test_explain_takes_a_shape_or_a_model(trained: Path, tmp_path: Path) -> None:
    """2-2-1 by default; widths in any spelling."""
    assert good("explain").stdout.startswith("A 2-2-1 gear train")
    assert good("explain", 3, 4, 2).stdout == good("explain", "3-4-2").stdout
    assert good("explain", trained).stdout.startswith("A 64-40-10 gear train")
    softmax = good("explain", "2-3", "--cost", "softmax-cross-entropy")
    assert "softmax" in softmax.stdout


def test_explain_takes_a_model_as_it_is(trained: Path) -> None:
    """Options that describe a network are refused beside one; the seed is the sample's."""
    for options in (["--activation", "tanh"], ["--cost", "quadratic", "--activation", "sigmoid"]):
        said = bad(2, "explain", trained, *options)
        assert f"{trained}: expected no options that describe a network, got --" in said
        for option in options:
            assert option in said
        assert said.endswith("; leave them out, or give a shape")
    assert good("explain", trained, "--seed", 1).stdout != good("explain", trained).stdout
