import json
import os
from dataclasses import replace
from typing import Any

import pytest

from checks.network.certification import certificate, certificate_store
from checks.network.certification.certificate import Certificate, CertificateError


def example(**changes: Any) -> Certificate:
    """A certificate with something in every field."""
    made = Certificate(
        fingerprint="ab12",
        verdict="pass",
        shape=(3, 2),
        activations=("sigmoid",),
        cost="quadratic",
        dtype="float32",
        dtypes=("float32", "float64"),
        parameters=8,
        checked=6,
        zero=2,
        undecided=0,
        kinks=0,
        rtol=1e-6,
        batch=20,
        properties=("analytic_equals_numeric",),
        seed=3,
        created="2024-05-06T07:08:09+00:00",
        versions={"python": "3.12.1", "numpy": "2.1.0"},
    )
    return replace(made, **changes)


def test_json_and_back() -> None:
    """Nothing is lost on the way, and the text says which format it is in."""
    text = example().to_json()
    assert Certificate.from_json(text) == example()
    assert json.loads(text)["format"] == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fingerprint", "ffff"),
        ("verdict", "fail"),
        ("checked", 8),
        ("rtol", 1.0),
        ("format", 2),
        ("digest", "0" * 64),
        ("properties", []),
        ("extra", 1),
    ],
)
def test_an_edited_certificate_is_refused(key: str, value: Any) -> None:
    """Whatever was changed, also when it is put under the name that it now has."""
    plain = json.loads(example().to_json())
    plain[key] = value
    path = certificate_store.store(example())
    for place in (path, path.with_name("ffff.json")):
        place.write_text(json.dumps(plain))
        assert certificate_store.load(place.stem) is None
    with pytest.raises(
        CertificateError, match="damaged, edited or written by another version; check again"
    ):
        Certificate.from_json(json.dumps(plain))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"x"', "{}", "\x00\xff"])
def test_other_text_is_no_certificate(text: str) -> None:
    """A damaged file is as good as none, and says so in one kind of error."""
    certificate_store.store(example()).write_text(text)
    assert certificate_store.load("ab12") is None
    with pytest.raises(CertificateError, match="certificate: expected"):
        Certificate.from_json(text)


@pytest.mark.parametrize(
    "forged",
    [
        {"checked": 10**9},
        {"checked": 10**9, "parameters": 10**9 + 2},
        {"checked": -2, "zero": 10},
        {"checked": 6.0},
        {"checked": True, "zero": 7},
        {"shape": [3]},
        {"shape": "3-2"},
        {"shape": [3, "2"]},
        {"shape": None},
        {"fingerprint": 7},
        {"verdict": ["pass"]},
        {"rtol": 2.0},
        {"rtol": float("nan")},
        {"rtol": "1e-6"},
        {"batch": -1},
        {"activations": [["sigmoid"]]},
        {"properties": None},
        {"versions": [1]},
        {"versions": {"python": 3}},
        {"seed": {}},
    ],
)
def test_a_forged_certificate_is_refused(forged: dict[str, Any]) -> None:
    """With a right digest, but with what no check could have found."""
    plain = {**example().to_dict(), **forged}
    text = json.dumps({"format": 1, "digest": certificate._digest(plain), **plain})
    with pytest.raises(CertificateError, match=r"certificate: expected .*; check again"):
        Certificate.from_json(text)
    certificate_store.store(example()).write_text(text)
    assert certificate_store.load("ab12") is None


def test_json_nested_beyond_measure_is_no_certificate() -> None:
    """Python's reader gives up on it with an error of its own."""
    for text in ("[" * 100_000, '{"a":' * 100_000):
        certificate_store.store(example()).write_text(text)
        assert certificate_store.load("ab12") is None
        with pytest.raises(CertificateError, match="expected its JSON"):
            Certificate.from_json(text)


def test_what_has_no_end_is_no_certificate() -> None:
    """A pipe that nobody writes to, a link to a device, a file of a hundred megabytes."""
    path = certificate_store.store(example())
    with path.open("r+b") as file:
        file.truncate(100 << 20)
    assert certificate_store.load("ab12") is None
    path.unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        assert certificate_store.load("ab12") is None
        path.unlink()
        path.symlink_to("/dev/zero")
        assert certificate_store.load("ab12") is None


def test_summary_says_what_was_proved() -> None:
    """Counts, kind of network, and how many properties."""
    assert example().summary == (
        "6 of 8 parameters checked (3-2, quadratic, float32), 1 properties"
    )
