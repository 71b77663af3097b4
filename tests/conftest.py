"""Which Hypothesis profile the properties run with, and which packages are under test."""

import os

from hypothesis import settings

import backprop
import checks
from checks.strategies import register_profiles

# `pytest --hypothesis-profile` is read later than this and so wins over the variable.
register_profiles()
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_report_header() -> list[str]:
    """Say which copies of the packages are tested: the installed wheel's or the checkout's."""
    return [f"{package.__name__}: {package.__path__[0]}" for package in (backprop, checks)]
