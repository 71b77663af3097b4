"""Propositions: how a property is declared, run in this process, and told when it fails.

`proposition` turns a body that asserts something into a `Property`; calling one draws its
arguments with Hypothesis, and raises a `PropertyError` where the body does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import Verbosity, configuration, given, settings
from hypothesis import strategies as st


class PropertyError(AssertionError):
    """A property does not hold: which one, for which case, and what was found there."""


@dataclass(frozen=True, kw_only=True)
class Property:
    """A proposition, and where its arguments are drawn from. Calling it runs it.

    Attributes
    ----------
    name, claim
        What is claimed, as a name and as a sentence.
    body
        Takes what is drawn and raises an AssertionError where the claim does not hold.
    drawn
        A strategy for each argument of `body`.
    """

    name: str
    claim: str
    body: Callable[..., None]
    drawn: dict[str, st.SearchStrategy[Any]]

    def __call__(self, *, profile: str | None = None) -> None:
        """Run with that profile's settings, by default with those now in force.

        Raises
        ------
        PropertyError
            With the falsifying case, the simplest found where the profile has it simplified.
        """
        last: dict[str, Any] = {}

        @wraps(self.body)
        def body(**drawn: Any) -> None:
            last.update(drawn)  # a failure is run once more at the end
            self.body(**drawn)

        chosen = settings.get_profile(profile) if profile else settings()
        quietly = settings(chosen, verbosity=min(chosen.verbosity, Verbosity.quiet))
        try:
            quietly(given(**self.drawn)(body))()
        except Exception as error:
            case = ", ".join(f"{name} = {value!r}" for name, value in last.items())
            kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
            raise PropertyError(
                f"{self.name}: {self.claim}\nfalsified by {case}\n{kind}{error}"
            ) from error


def network_property(**drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Property]:
    """Declare a property: the decorated function is its body, its docstring's start the claim."""

    def declare(body: Callable[..., None]) -> Property:
        claim = (body.__doc__ or body.__name__).strip().splitlines()[0]
        return Property(name=body.__name__, claim=claim, body=body, drawn=drawn)

    return declare


@contextmanager
def no_folder_left() -> Iterator[None]:
    """Keep Hypothesis from leaving its cache, `.hypothesis`, wherever the gate is run."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        configuration.set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            configuration.set_hypothesis_home_dir(None)
