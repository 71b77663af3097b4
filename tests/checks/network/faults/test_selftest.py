import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks.methods.dispatch import run_check
from checks.network.faults import selftest
from checks.network.faults.catalogue import FAULTS
from checks.network.faults.selftest import SelfTest, random_network_for, run
from checks.verdict.report import Report, Verdict


@pytest.fixture(scope="module")
def result() -> SelfTest:
    """One round over the whole catalogue."""
    return run(seed=0, rounds=1, clean=10)


def few(monkeypatch: pytest.MonkeyPatch, *codes: str) -> None:
    """A catalogue of a few faults."""
    chosen = tuple(fault for fault in FAULTS if fault.code in codes)
    monkeypatch.setattr(selftest, "FAULTS", chosen)


def answering(monkeypatch: pytest.MonkeyPatch, verdict: Verdict) -> None:
    """A checker that always gives the same verdict."""

    def check(*args: Any, **options: Any) -> Report:
        return replace(run_check(*args, **options), verdict=verdict)

    monkeypatch.setattr(selftest, "run_check", check)


def test_every_fault_is_caught(result: SelfTest) -> None:
    """Each fault of the catalogue is planted, caught, and no clean network is accused."""
    missed = [o.code for o in result.outcomes if o.caught < max(o.planted, 1)]
    assert not missed
    assert (result.clean, result.accused) == (10, 0)
    assert result.passed


def test_faults_are_located_and_diagnosed(result: SelfTest) -> None:
    """All of these are, by this seed; of very many, 95% have to be."""
    assert result.total("located") == result.total("planted")
    assert [(o.code, o.misread) for o in result.outcomes if o.misread] == []


def test_table_fits_the_terminal(result: SelfTest) -> None:
    """Every fault has its line, no line is longer than 80 columns, and the last is the verdict."""
    lines = str(result).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(any(line.startswith(fault.title) for line in lines) for fault in FAULTS)
    assert lines[-1].startswith(f"pass: {len(FAULTS)} faults")


def test_result_as_json(result: SelfTest) -> None:
    """The result survives JSON, with its totals and an entry for every fault."""
    found = json.loads(json.dumps(result.to_dict()))
    assert found["passed"] is True
    assert found["planted"] == len(FAULTS)
    assert [o["code"] for o in found["outcomes"]] == [fault.code for fault in FAULTS]


def test_blind_checker_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checker that accepts everything fails the self-test, fault by fault."""
    few(monkeypatch, "sign", "transpose")
    answering(monkeypatch, "pass")
    found = run(rounds=2, clean=3)
    assert (found.total("planted"), found.total("caught"), found.accused) == (4, 0, 0)
    assert not found.passed
    assert str(found).splitlines()[-1].startswith("fail: 2 faults")


def test_suspicious_checker_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checker that rejects everything fails the self-test by its clean networks."""
    few(monkeypatch, "sign")
    answering(monkeypatch, "fail")
    found = run(rounds=2, clean=3)
    assert (found.total("caught"), found.accused) == (2, 3)
    assert not found.passed
    assert "clean networks wrongly accused: 3 of 3" in str(found)


def test_undecided_is_not_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checker that never decides has caught nothing: no fault counts as planted."""
    few(monkeypatch, "sign")
    monkeypatch.setattr(selftest, "DRAWS", 3)
    answering(monkeypatch, "undecided")
    found = run(rounds=1, clean=0)
    assert (found.total("planted"), found.total("caught"), found.total("undecided")) == (0, 0, 3)
    assert not found.passed


def test_misread_fault_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A diagnosis that was not expected is counted by its code, and printed."""
    wrong = replace(next(f for f in FAULTS if f.code == "sign"), expected=("transposed",))
    monkeypatch.setattr(selftest, "FAULTS", (wrong,))
    found = run(rounds=2, clean=0)
    assert found.outcomes[0].misread == {"sign-flipped": 2}
    assert found.total("diagnosed") == 0
    assert "read as sign-flipped" in str(found)


def test_same_seed_same_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed decides which networks are drawn."""
    few(monkeypatch, "sign")
    one, two = (random_network_for(FAULTS[0], np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one[1], two[1])
    assert run(seed=4, rounds=2, clean=0).outcomes == run(seed=4, rounds=2, clean=0).outcomes


def test_progress_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress adds up to the total that was announced."""
    few(monkeypatch, "sign", "reshape")
    steps: list[int] = []
    run(rounds=2, progress=steps.append, clean=3)
    assert sum(steps) == selftest.total(2, clean=3) == 7
