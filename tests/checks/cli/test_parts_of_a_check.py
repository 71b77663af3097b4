from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from checks.cli.gradcheck import command

USAGE = 2


def run(*words: str) -> Any:
    """The command in this process."""
    return CliRunner().invoke(command, list(words))


@pytest.mark.parametrize(
    ("sample", "said"), [("3", "14 of 77"), (".1", "11 of 77"), ("99", "77 of")]
)
def test_a_sample_is_a_count_or_a_share(sample: str, said: str) -> None:
    """In the verdict line, within 80 columns, and in the JSON."""
    result = run("6", "8", "2", "1", "--sample", sample)
    assert result.exit_code == 0, result.output
    assert f"pass: {said}" in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    found = json.loads(run("6", "8", "2", "1", "--sample", sample, "--json", "-").stdout)
    assert found["unchecked"] == 77 - found["checked"]
    assert found["share"] == pytest.approx(found["checked"] / 77)


def test_it_may_stop_at_the_first_that_are_wrong(tmp_path: Any) -> None:
    """And be repeated."""
    file = tmp_path / "wrong.py"
    file.write_text(
        "import numpy as np\n"
        "subject = (lambda x: (x**2).sum(), lambda x: x, np.linspace(1, 2, 900))\n"
    )
    result = run(str(file), "--stop-after", "2", "--seed", "1")
    assert result.exit_code == 1
    assert (
        "fail: 64 of 900 parameters checked, 64 wrong in params, 836 not checked" in result.stdout
    )
    assert f"repeat with: gradcheck {file} --stop-after 2 --seed 1" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--sample", "x"), "--sample: expected a whole number of coordinates for each tensor"),
        (("--sample", "0"), "sample: expected a whole number of coordinates for each tensor"),
        (("--sample", "1.5"), "got 1.5"),
        (("--sample", "nan"), "got nan"),
        (("--sample", "5", "--probe"), "--sample: expected a sweep or naive method, got 'probe'"),
        (("--stop-after", "0"), "0 is not in the range x>=1"),
        (("--stop-after", "5", "--method", "taylor"), "--stop-after: expected a sweep or naive"),
    ],
)
def test_what_cannot_be_meant_is_an_error_of_usage(words: tuple[str, ...], message: str) -> None:
    """With what was expected, and what came."""
    result = run("3", "2", *words)
    assert result.exit_code == USAGE
    assert message in " ".join(result.output.split())
