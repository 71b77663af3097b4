import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checks.network.certification import certificate
from checks.network.certification.certificate import CacheError, Certificate, CertificateError


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


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of each test's own."""
    monkeypatch.setenv("GEARTRAIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "certificates"


def test_json_and_back() -> None:
    """Nothing is lost on the way, and the text says which format it is in."""
    text = example().to_json()
    assert Certificate.from_json(text) == example()
    assert json.loads(text)["format"] == 1


def test_kept_and_found_by_fingerprint(cache: Path) -> None:
    """One file a fingerprint, in the folder that GEARTRAIN_CACHE names."""
    assert certificate.load("ab12") is None
    path = certificate.store(example())
    assert path == cache / "ab12.json"
    assert certificate.load("ab12") == example()
    assert certificate.load("ab13") is None
    assert list(cache.iterdir()) == [path]


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
    path = certificate.store(example())
    for place in (path, path.with_name("ffff.json")):
        place.write_text(json.dumps(plain))
        assert certificate.load(place.stem) is None
    with pytest.raises(
        CertificateError, match="damaged, edited or written by another version; check again"
    ):
        Certificate.from_json(json.dumps(plain))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"x"', "{}", "\x00\xff"])
def test_other_text_is_no_certificate(text: str) -> None:
    """A damaged file is as good as none, and says so in one kind of error."""
    certificate.store(example()).write_text(text)
    assert certificate.load("ab12") is None
    with pytest.raises(CertificateError, match="certificate: expected"):
        Certificate.from_json(text)


def test_bytes_that_are_no_text_are_ignored() -> None:
    """As is a folder where the file should be."""
    path = certificate.store(example())
    path.write_bytes(b"\xff\xfe\x00")
    assert certificate.load("ab12") is None
    path.unlink()
    path.mkdir()
    assert certificate.load("ab12") is None


def test_a_certificate_of_a_failure_is_not_found() -> None:
    """Nor is one under another's name: only a pass opens the gate."""
    certificate.store(example(verdict="undecided"))
    assert certificate.load("ab12") is None
    certificate.store(example()).rename(certificate.cache_folder() / "cd34.json")
    assert certificate.load("cd34") is None


def test_summary_says_what_was_proved() -> None:
    """Counts, kind of network, and how many properties."""
    assert example().summary == (
        "6 of 8 parameters checked (3-2, quadratic, float32), 1 properties"
    )


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, ".cache/geartrain/certificates"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/geartrain/certificates"),
        ("darwin", {}, "Library/Caches/geartrain/certificates"),
        ("win32", {}, "AppData/Local/geartrain/Cache/certificates"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/geartrain/Cache/certificates"),
        ("linux", {"GEARTRAIN_CACHE": "/g", "XDG_CACHE_HOME": "/x"}, "/g/certificates"),
    ],
)
def test_the_cache_lies_where_the_platform_has_it(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's cache folder, unless GEARTRAIN_CACHE names another."""
    for name in ("GEARTRAIN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert certificate.cache_folder() == Path.home() / expected


def test_a_cache_that_was_named_must_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ~ of a user that there is not: told to whoever reads and to whoever writes."""
    monkeypatch.setenv("GEARTRAIN_CACHE", "~nosuchuser/c")
    for call in (lambda: certificate.load("ab12"), lambda: certificate.store(example())):
        with pytest.raises(CacheError) as caught:
            call()
        assert str(caught.value) == (
            "GEARTRAIN_CACHE: expected a folder, got ~nosuchuser/c, whose ~ stands for no known"
            " home folder; write the path out"
        )


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home folder, as in a container, on Linux."""
    for name in ("GEARTRAIN_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_folder_nothing_is_kept() -> None:
    """Nothing is found then, and whoever stores is told what to set."""
    assert certificate.load("ab12") is None
    with pytest.raises(OSError, match="found none; set HOME or GEARTRAIN_CACHE"):
        certificate.store(example())


@pytest.mark.usefixtures("homeless")
def test_a_home_folder_is_not_asked_for_without_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system's variable says where the cache is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert certificate.store(example()).parent == tmp_path / "geartrain" / "certificates"
    assert certificate.load("ab12") == example()
