"""The count of faults: a loss is seen where one is planted, and the table says it."""

from __future__ import annotations

import importlib
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from backprop.datasets import idx
from backprop.system import atomic_files
from backprop.training import fingerprint, model_file
from checks.network.certification import certificate

FOLDER = Path(__file__).parents[2] / "benchmarks" / "faults"
OURS = ("faults", "files", "injected", "processes", "surroundings")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no such children here")


@pytest.fixture(scope="module")
def faults() -> Iterator[ModuleType]:
    """The script as a module; what importing it changes is put back."""
    environment, path = dict(os.environ), list(sys.path)
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("faults")
    for name in OURS:
        del sys.modules[name]
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environment)


def lost(faults: ModuleType, word: str, count: int) -> list[str]:
    """What is lost in the row that has that in its name."""
    every = {**faults.files.ROWS, **faults.processes.ROWS, **faults.surroundings.ROWS}
    ((fault, (function, _)),) = [item for item in every.items() if word in item[0]]
    row = faults.inject(fault, function, count, 0)
    assert row.injected >= count
    found: list[str] = row.lost
    return found


QUICK = {
    "truncation of a model": 2000,
    "anywhere in a model": 300,
    "truncation of a certificate": 700,
    "forged": 300,
    "damaged IDX": 2000,
    "gzipped IDX": 200,
    "gigabyte": 2,
    "pictures of the six": 200,
    "EPS": 10,
    "--compare": 200,
    "code replaced": 12,
    "of other runs": 20,
    "without an end": 6,
    "anything else": 12,
}


@pytest.mark.parametrize("word", QUICK)
def test_nothing_is_lost(faults: ModuleType, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small run of the rows that are quick; `tox -e faults` runs all of them."""
    from checks.parallel import executors

    for name in ("SILENCE", "PAUSE"):  # which a row sets for its process
        monkeypatch.setattr(executors, name, getattr(executors, name))
    assert lost(faults, word, QUICK[word]) == []


def test_an_accepted_bit_flip_is_a_loss(
    faults: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a digest does not cover the tensors."""
    monkeypatch.setattr(model_file, "_digest", lambda plain, tensors: "")
    found = lost(faults, "truncation of a model", 2500)
    assert found
    assert found[0].endswith("accepted, and different")


def test_a_believed_forgery_is_a_loss(faults: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a right digest is enough."""
    monkeypatch.setattr(certificate, "_contradiction", lambda values: None)
    assert any("believed: " in each for each in lost(faults, "forged", 400))


def test_an_error_of_another_kind_is_a_loss(
    faults: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the bytes that bring it about."""

    def parse(data: bytes, *, source: str) -> Any:
        return data[3] and idx.dump(data[4:8])

    monkeypatch.setattr(faults.files.idx, "parse", parse)
    assert any(each.startswith("IndexError: ") for each in lost(faults, "damaged IDX", 500))


def test_code_that_is_not_read_is_a_loss(
    faults: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name."""
    monkeypatch.setattr(fingerprint, "ASKING", ())
    found = lost(faults, "code replaced", 12)
    assert "backprop.training.epochs.epoch_order: not noticed" in found


def test_a_command_that_ends_otherwise_is_a_loss(faults: ModuleType) -> None:
    """By another code, by a signal, or with a traceback."""
    injected = sys.modules["injected"]

    def ends(code: int) -> Any:
        def main() -> None:
            print("out")  # noqa: T201
            print("Traceback" if code == 7 else "err", file=sys.stderr)  # noqa: T201
            sys.exit(code)

        return main

    ran = injected.run(ends(3))
    assert (ran.code, ran.out, ran.err) == (3, "out\n", "err\n")
    assert ran.ended(3, 4) is None
    assert "exit code 3 instead of (0,)" in ran.ended(0)
    assert "Traceback" in injected.run(ends(7)).ended(7)


@pytest.mark.slow
def test_a_file_that_is_not_written_whole_is_a_loss(
    faults: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where it is opened in its place and written piece by piece."""

    def write(path: Any, data: bytes, *, before: Any = None) -> None:
        with Path(path).open("wb") as file:
            for begin in range(0, len(data), 4096):
                file.write(data[begin : begin + 4096])
                file.flush()
                os.fsync(file.fileno())

    monkeypatch.setattr(atomic_files, "write", write)
    assert lost(faults, "inside a write", 5)


def test_the_table_is_put_between_its_marks(
    faults: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And counts what was lost."""
    page = tmp_path / "faults.md"
    old = "| old | 1 | 1 |\n| gone | 1 | 1 |\n"
    page.write_text(f"head\n{faults.BEGIN}{old}{faults.END}\ntail\n")
    monkeypatch.setattr(faults, "PAGE", page)
    rows = [faults.Row(fault="one", injected=1000, lost=["a", "b"]), faults.Row(fault="two")]
    faults.write(rows, ["one", "old", "two", "never"])
    text = page.read_text()
    assert text.startswith(f"head\n{faults.BEGIN}| fault | injected | lost |\n")
    assert "| one | 1,000 | 2 |\n| old | 1 | 1 |\n| two | 0 | 0 |\n\n1,001 faults" in text
    assert text.endswith(f"{faults.END}\ntail\n")


def test_a_mutation_changes_something(faults: ModuleType) -> None:
    """Else nothing would be injected."""
    injected, rng = sys.modules["injected"], random.Random(0)
    data = bytes(range(50))
    changed = [injected.mutated(data, data[::-1], rng) for _ in range(300)]
    assert sum(each != data for each in changed) > 280
    assert injected.flipped(data, 9) == bytes([0, 3, *range(2, 50)])
