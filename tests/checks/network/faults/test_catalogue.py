import numpy as np
import pytest

from backprop import passes
from backprop.activations import ACTIVATIONS
from backprop.costs import COSTS
from checks.diagnosis.codes import DIAGNOSES
from checks.network.faults.catalogue import (
    CARRY,
    FAULTS,
    LOOP,
    EditError,
    Fault,
    edited,
    patched,
    plant,
)
from checks.network.faults.selftest import gradient, network_where_fault_shows
from checks.verdict.conduct import OFFENCES

every_fault = pytest.mark.parametrize("fault", FAULTS, ids=[fault.code for fault in FAULTS])


def test_catalogue_is_large_and_its_codes_are_unique() -> None:
    """There are more than thirty faults, each with a name of its own."""
    codes = [fault.code for fault in FAULTS]
    assert len(codes) > 36
    assert len(set(codes)) == len(codes)


def test_catalogue_covers_the_diagnoses() -> None:
    """Every diagnosis is what some fault should be read as, but for those of no network's bug."""
    expected = {code for fault in FAULTS for code in fault.expected}
    patterns = {"unknown", "single-entry", "small-everywhere", "weights-only"}
    elsewhere = {"projected", "symmetric-convention", "constant-added", "misplaced", "not-read"}
    assert set(DIAGNOSES) - expected == patterns | elsewhere


@every_fault
def test_expected_codes_exist(fault: Fault) -> None:
    """What a fault should be read as is a diagnosis or an offence."""
    assert fault.expected
    assert set(fault.expected) <= set(DIAGNOSES) | set(OFFENCES)


@every_fault
def test_fault_shows_and_goes_away(fault: Fault) -> None:
    """Planted, a fault moves the gradient; afterwards the code is what it was before."""
    live = passes.backward, dict(ACTIVATIONS), dict(COSTS)
    case = network_where_fault_shows(fault, np.random.default_rng(0))
    assert case is not None
    right, faulty, after = gradient(case), gradient(case, fault), gradient(case)
    assert any(not np.array_equal(right[name], faulty[name]) for name in right)
    assert all(np.array_equal(right[name], after[name]) for name in right)
    assert (passes.backward, ACTIVATIONS, COSTS) == live


def test_fault_goes_away_after_an_exception() -> None:
    """An error inside the block leaves no fault behind."""
    live = passes.backward

    def explode() -> None:
        with plant(FAULTS[0]):
            assert passes.backward is not live
            raise KeyError

    with pytest.raises(KeyError):
        explode()
    assert passes.backward is live


def test_edits_keep_the_indentation() -> None:
    """Each edited line keeps its indentation, also where it becomes several."""
    assert patched("if a:\n    b\nc", {"b": "d\nif e:\n    f"}) == (
        "if a:\n    d\n    if e:\n        f\nc"
    )


def test_edits_do_not_edit_each_other() -> None:
    """A line that one edit brings in is not what another edit replaces."""
    assert patched("a\nb", {"a": "b", "b": "c"}) == "b\nc"


@pytest.mark.parametrize("source", ["c", "b\nb"])
def test_line_that_is_not_there_once(source: str) -> None:
    """A line that is missing or ambiguous is an error that quotes it."""
    with pytest.raises(EditError, match=r"expected exactly one line 'b', found [02]"):
        patched(source, {"b": "d"})


def test_edited_function_keeps_state_of_its_own() -> None:
    """Two plantings of the same fault share no state."""
    first, second = (edited(passes.backward, {LOOP: LOOP, CARRY: CARRY}) for _ in range(2))
    assert first.__globals__["STATE"] is not second.__globals__["STATE"]
