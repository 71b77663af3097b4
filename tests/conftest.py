"""Which Hypothesis profile the properties run with, and which packages are under test."""

import os
import signal

from hypothesis import settings

import backprop
import checks
import geartrain
from checks.network.properties.strategies import register_profiles

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
