"""Which profile properties run with, which packages are under test, and the one headline.

Where a property of networks does not hold, hundreds of tests fail with it. So before a run of more
than the properties, they are run quickly; the first that does not hold is told with its smallest
example, as the only failure, and the rest is left out.
"""

import os
import signal
from typing import Any

import pytest
from hypothesis import settings

import backprop
import checks
import geartrain
from checks.network.properties.network_properties import PROPERTIES, Property, PropertyError
from checks.network.properties.property import no_folder_left
from checks.network.properties.strategies import register_profiles
from checks.verdict.text import folded

PACKAGES = (backprop, checks, geartrain)

# `pytest --hypothesis-profile` is read later than this and so wins over the variable.
register_profiles()
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# A shell that starts the tests in the background has interrupts ignored, and so would all commands
# that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    """Say which copies of the packages are tested: the installed wheel's or the checkout's."""
    return [
        f"{package.__name__}: {package.__path__[0]}" for package in (backprop, checks, geartrain)
    ]


# --- one headline -----------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """How to have the failures that follow from a broken property."""
    parser.addoption(
        "--all-failures",
        action="store_true",
        help="run everything, even if a property of networks does not hold",
    )


class Headline(pytest.Item):
    """The test of a property, known to fail; and it fails for all that was left out."""

    def __init__(self, *, text: str, **node: Any) -> None:
        super().__init__(**node)
        self.text = text

    def runtest(self) -> None:
        """Fail as was found."""
        raise PropertyError(self.text)

    def repr_failure(self, excinfo: object, style: object = None) -> str:
        """The finding alone: no frame of a test says more."""
        return self.text

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """The name in the line above the finding."""
        return self.path, 0, "a property of networks does not hold"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the one failure that tells what is wrong, where a property does not hold."""
    tests = {id(t.callspec.params.get("claim")): t for t in items if hasattr(t, "callspec")}
    properties = [each for each in PROPERTIES if id(each) in tests]
    others = len(items) - len(properties)
    asked = config.getoption("all_failures", default=True) or config.getoption("collectonly")
    if asked or len(properties) < len(PROPERTIES) or not others:
        return
    broken = {each.name: error for each in PROPERTIES if (error := failure_of(each, "quick"))}
    if not broken:
        return
    first = next(each for each in PROPERTIES if each.name in broken)
    finding = failure_of(first, "default") or broken[first.name]
    text = headline(finding, [name for name in broken if name != first.name], others)
    test = tests[id(first)]
    assert test.parent is not None
    kept = Headline.from_parent(test.parent, name=test.name, text=text)
    config.hook.pytest_deselected(items=[each for each in items if each is not test])
    items[:] = [kept]


def failure_of(claim: Property, profile: str) -> str:
    """What is found where a property does not hold; nothing where it does."""
    try:
        with no_folder_left():
            claim(profile=profile)
    except PropertyError as error:
        return str(error)
    return ""


def headline(finding: str, also: list[str], others: int) -> str:
    """The finding, and what became of the rest."""
    lines = [finding]
    if also:
        lines.append(f"also broken: {', '.join(also)}")
    lines.append(
        f"left out: {others:,} other tests, many of which would fail for this; --all-failures runs"
        " them"
    )
    return "\n".join(folded("\n".join(lines)))
