"""A proposition is run as its profile says, and its failure tells all that is needed."""

from pathlib import Path

import pytest
from hypothesis import configuration, settings
from hypothesis import strategies as st

from checks.network.properties.property import (
    Property,
    PropertyError,
    network_property,
    no_folder_left,
)
from checks.network.properties.strategies import register_profiles

register_profiles()


def test_a_body_becomes_a_property() -> None:
    """Its name is the property's, and the first line of its docstring the claim."""

    @network_property(n=st.just(1))
    def one_is_one(n: int) -> None:
        """One is one.

        And this is beside the point.
        """
        assert n == 1

    assert (one_is_one.name, one_is_one.claim) == ("one_is_one", "One is one.")
    one_is_one()
    one_is_one(profile="quick")


def test_profile_says_how_many_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each profile draws as many examples as it promises, and draws them anew on every call."""
    drawn: list[int] = []
    many = st.integers(0, 10**9)

    def keep(n: int) -> None:
        drawn.append(n)

    body = Property(name="any", claim="any.", body=keep, drawn={"n": many})
    for profile in ("quick", "default", "quick"):
        drawn.clear()
        body(profile=profile)
        assert len(drawn) == settings.get_profile(profile).max_examples


def test_failure_tells_claim_case_and_finding() -> None:
    """The message names the property, the simplest falsifying case and what was found there."""

    def small(n: int) -> None:
        """Whole numbers are below seven."""
        if n >= 7:
            raise AssertionError(f"{n} is not below 7")

    claim = Property(name="small", claim="all small.", body=small, drawn={"n": st.integers(0, 100)})
    with pytest.raises(PropertyError) as caught:
        claim(profile="default")
    assert str(caught.value) == "small: all small.\nfalsified by n = 7\n7 is not below 7"


def test_failure_by_another_exception_names_it() -> None:
    """An exception that is not an assertion is a failure too, and is named."""

    def broken(n: int) -> None:
        raise ZeroDivisionError("division by none")

    claim = Property(name="broken", claim="runs.", body=broken, drawn={"n": st.just(1)})
    with pytest.raises(PropertyError, match=r"ZeroDivisionError: division by none$"):
        claim(profile="quick")


def test_quick_stops_at_the_first_failure() -> None:
    """It does not look for a simpler one, so a gate that refuses refuses soon."""
    runs: list[int] = []

    def small(n: int) -> None:
        runs.append(n)
        if n >= 7:
            raise AssertionError(n)

    claim = Property(name="small", claim="small.", body=small, drawn={"n": st.integers(0, 10**6)})
    with pytest.raises(PropertyError):
        claim(profile="quick")
    failing = [n for n in runs if n >= 7]
    assert len(set(failing)) == 1


def test_an_unknown_profile_is_an_error() -> None:
    """Hypothesis names the profile that it does not know."""
    claim = Property(name="any", claim="any.", body=lambda n: None, drawn={"n": st.just(1)})
    with pytest.raises(Exception, match="leisurely"):
        claim(profile="leisurely")


def test_no_folder_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Hypothesis stores goes to a folder that is gone afterwards, even after an error."""
    monkeypatch.chdir(tmp_path)
    stored: list[Path] = []

    def store_and_fail() -> None:
        stored.append(configuration.storage_directory("constants").path)
        stored[0].mkdir(parents=True)
        raise KeyError

    with pytest.raises(KeyError), no_folder_left():
        store_and_fail()
    assert not stored[0].exists()
    assert not any(tmp_path.iterdir())
