"""The examples for torch and JAX: the right one passes, and its wrong twin is told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import checks
from checks.cli.target_loading import load
from checks.methods.dispatch import run_check

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_a_backward_pass_in_torch_and_its_wrong_twin() -> None:
    """Whose bias is averaged where it has to be summed: one over the batch's size."""
    pytest.importorskip("torch")
    right = run_check(load(f"{EXAMPLES / 'torch_function.py'}:right"))
    assert (right.verdict, right.checked) == ("pass", 40)
    assert right.calls["cost"] < 100  # of complex numbers, beside which all have to be complex
    wrong = run_check(load(f"{EXAMPLES / 'torch_function.py'}:averaging"))
    assert {t.name: t.failed for t in wrong.tensors} == {"x": 0, "W": 0, "b": 4}
    assert wrong.diagnosis is not None
    assert (wrong.diagnosis.code, wrong.diagnosis.tensor) == ("constant-factor", "b")


def test_a_custom_derivative_in_jax_and_its_wrong_twin() -> None:
    """The layer before it is wrong, the one after it right."""
    pytest.importorskip("jax")
    right = run_check(load(f"{EXAMPLES / 'jax_custom_vjp.py'}:right"))
    assert (right.verdict, right.checked) == ("pass", 24)
    wrong = run_check(load(f"{EXAMPLES / 'jax_custom_vjp.py'}:as_of_sigmoid"))
    assert {t.name: t.failed for t in wrong.tensors} == {
        "params.W1": 12,
        "params.W2": 0,
        "params.b1": 4,
    }
    assert wrong.diagnosis is not None
    assert wrong.diagnosis.code == "errors-enter-here"


def test_what_the_document_says_of_torch_is_so() -> None:
    """Its examples, one after the other."""
    pytest.importorskip("torch")
    text = (EXAMPLES.parent / "docs" / "your_code.md").read_text(encoding="utf-8")
    section = text.partition("## torch and JAX\n")[2].partition("\n## ")[0]
    code = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(code) == 2
    names = {"check_gradients": checks.check_gradients}
    for each in code:
        exec(each, names)  # noqa: S102 the project's own


@pytest.mark.parametrize(
    ("name", "library"), [("torch_function", "torch"), ("jax_custom_vjp", "jax")]
)
def test_an_example_run_as_a_script_prints_both_reports(name: str, library: str) -> None:
    """One that passes and one that fails."""
    pytest.importorskip(library)
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(checks.__path__[0]).parent)},
    )
    verdicts = [line.partition(":")[0] for line in done.stdout.splitlines() if ": " in line]
    assert [v for v in verdicts if v in ("pass", "fail")] == ["pass", "fail"]
