"""The campaign counts what it says it counts, and a broken promise ends it with 1."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backprop import init_net
from checks.network.adapter import network_problem
from checks.verdict.conduct import OFFENCES


def kept(campaign: ModuleType, counts: dict[str, int]) -> dict[str, bool]:
    """Which promises these counts keep, by title."""
    return {row.promise: row.kept for row in campaign.rows(Counter(counts), networks=10)}


def test_a_part_repeats_itself_from_its_seed(campaign: ModuleType) -> None:
    """Count by count."""
    once, again = (campaign.offenders.clean_boxes(1) for _ in range(2))
    assert once == again
    assert once["clean boxes"] == 1
    assert once["clean boxes accused"] == 0


def test_every_offence_has_forms_and_each_is_told(campaign: ModuleType) -> None:
    """In a random black box."""
    forms = campaign.offenders.FORMS
    assert set(forms) == set(OFFENCES)
    counts = campaign.offenders.offending(12)
    assert counts["offenders told"] == counts["offenders"] == sum(map(len, forms.values()))


def test_costs_of_low_precision_are_counted(campaign: ModuleType) -> None:
    """Each by both methods; the largest entry alone is of the other sign."""
    box = campaign.offenders.least_squares(np.random.default_rng(0))
    right, wrong = box.gradients(box.params), campaign.offenders.flipped(box)(box.params)
    changed = np.concatenate([right[n][right[n] != wrong[n]] for n in right])
    assert np.abs(changed) == [max(np.abs(g).max() for g in right.values())]
    counts = campaign.offenders.low_precision(0)
    assert counts["low precision"] == 2 * len(campaign.offenders.LOW_PRECISION)
    assert counts["low precision, accused"] == counts["low precision, wrong passed"] == 0


def test_only_what_passed_a_strict_check_is_sharp(campaign: ModuleType) -> None:
    """And where nothing did, nothing is planted."""
    status = {"W": np.asarray([[2, 3], [0, 4]], np.int8), "b": np.asarray([2, 1], np.int8)}
    rng = np.random.default_rng(0)
    assert campaign.trials.sharp(SimpleNamespace(status=status), rng) == ("W", 2)
    assert campaign.trials.sharp(SimpleNamespace(status={"b": status["b"]}), rng) is None


def test_a_missed_error_is_counted_and_told(
    campaign: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Planted so small that no check can see it, with the seed that repeats it."""
    net = init_net((3, 2), seed=0)
    subject = network_problem(net, np.asarray([[0.5, -1.0, 2.0]]), np.asarray([1]))
    assert campaign.trials.planted(subject, "W1", 2, 5, "it") == {"it": 1, "it, named": 1}
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(campaign.trials, "RTOL", 1e-15)
    assert campaign.trials.planted(subject, "W1", 2, 5, "it") == {"it": 1, "it, named": 0}
    assert capsys.readouterr().err.startswith("missed: seed 5, W1, flat index 2\n")


@pytest.mark.parametrize(
    ("title", "counts", "expected"),
    [
        ("clean networks accused", {"networks": 10}, True),
        ("clean networks accused", {"networks": 10, "networks accused": 1}, False),
        ("clean networks accused", {}, False),
        ("random networks", {"networks": 9}, False),
        ("known bugs diagnosed", {"faults": 100, "faults diagnosed": 95}, True),
        ("known bugs diagnosed", {"faults": 100, "faults diagnosed": 94}, False),
        ("known bugs caught", {"faults": 100, "faults caught": 99}, False),
        (
            "decided more bluntly there",
            {"scale at most 5, coordinates": 9, "scale at most 5, blunt": 5},
            True,
        ),
    ],
)
def test_a_promise_is_kept_or_broken(
    campaign: ModuleType, title: str, counts: dict[str, int], *, expected: bool
) -> None:
    """What was tried on nothing is not kept."""
    assert kept(campaign, counts)[title] is expected


def test_a_part_that_crashes_is_counted(
    campaign: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its traceback is told, and the others go on."""

    def crash(seed: int) -> Any:
        return 1 // seed

    assert campaign.guarded(crash, "a part", 0) == {"crashed": 1, "seeds run": 1}
    assert "crashed: seed 0, a part\nTraceback" in capsys.readouterr().err


def test_the_command_prints_a_table_writes_json_and_ends_with_1_when_a_promise_is_broken(
    campaign: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Here because only one part was run; the README gets the same table."""
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- campaign:begin -->\n<!-- campaign:end -->\nafter\n")
    monkeypatch.setattr(campaign, "MEASURED", readme)
    monkeypatch.setattr(campaign, "PARTS", {"clean boxes": campaign.PARTS["clean boxes"]})
    words = ["--networks", "2", "--jobs", "1", "--json", str(tmp_path / "found"), "--write-docs"]
    assert campaign.main(words) == 1
    assert "clean black boxes accused" in capsys.readouterr().out
    found = json.loads((tmp_path / "found").read_text())
    assert found["seeds"] == {"clean boxes": [0, 1]}
    assert {"counts", "seconds", "python", "versions", "machine"} <= set(found)
    assert "| clean black boxes accused | 0 | 2 | 0.0% | none | yes |" in readme.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--networks", "0"], "expected a whole number of 1 or more, got '0'"),
        (["--repeat", "probes", "1"], "--repeat: expected one of clean boxes, rough boxes"),
    ],
)
def test_unusable_words_are_explained(
    campaign: ModuleType, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2, before anything runs."""
    with pytest.raises(SystemExit) as stopped:
        campaign.main(words)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_rough_boxes_are_right_and_wrong_as_they_should_be(campaign: ModuleType) -> None:
    """By real differences at half a dozen digits, where no parameter lies on a kink."""
    for family in ("lasso", "hinge"):
        right, wrong = campaign.rough.FAMILIES[family](np.random.default_rng(3))
        off = np.abs(right.params["w"]) > 1e-3
        w, h = right.params["w"], 1e-6
        steps = h * np.eye(w.size)
        slopes = [(right.cost({"w": w + e}) - right.cost({"w": w - e})) / (2 * h) for e in steps]
        assert np.allclose(
            np.asarray(slopes)[off], right.gradients(right.params)["w"][off], rtol=1e-4
        )
        assert not np.allclose(
            right.gradients(right.params)["w"], wrong.gradients(wrong.params)["w"]
        )


def test_rough_boxes_are_counted(campaign: ModuleType) -> None:
    """Each family by both methods, right and wrong, the same for the same seed."""
    counts = campaign.rough.rough_boxes(4)
    assert counts == campaign.rough.rough_boxes(4)
    assert (counts["rough"], counts["rough, accused"]) == (6, 0)
    assert (counts["rough, wrong"], counts["rough, wrong passed"]) == (6, 0)
    assert counts["rough, terms forgotten"] == counts["rough, terms forgotten, caught"] == 4
