"""The pytest plugin: a fixture, a marker and options for checking gradients in anyone's tests.

    def test_gradient(gradcheck):
        gradcheck(cost, gradients, params)

pytest loads this module in every run, so it imports nothing of ours: what a check needs is loaded
by the first one (`pytest_check.py`), and what a summary needs at the end (`pytest_summary.py`).
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from checks import Report

LOADED_BY_CHECKS = frozenset({"checks.api", "geartrain.pytest_check"})
FILES = ("json", "html")

CURRENT = pytest.StashKey[pytest.Item]()
SETTINGS = pytest.StashKey[Mapping[str, Any]]()
RECORDS = pytest.StashKey[list[dict[str, Any]]]()


class UndecidedWarning(UserWarning):
    """A gradient was neither proved nor refuted, and `gradcheck_undecided` is "warn"."""


class Gradcheck:
    """What the fixture `gradcheck` gives: call it to check a gradient.

    `jacobian`, `hessian`, `vjp` and `jvp` check what `geartrain.check_jacobian` and its like do,
    with the same options, summary and failures.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def __repr__(self) -> str:
        return "gradcheck"

    def __call__(
        self, cost: Any, gradients: Any = None, params: Any = None, **options: Any
    ) -> Report:
        """Check every coordinate of a gradient; what does not pass fails the test.

        Parameters
        ----------
        cost, gradients, params
            As for `geartrain.check_gradients`; or one argument alone, a problem: a tuple of these
            three, or a dict or an object with these names.
        options
            Those of `geartrain.check_gradients`, and `undecided`: "fail", "warn" or "pass". They go
            before those of the marker, of the command line and of the configuration file.

        Returns
        -------
        Report
            That of a check that did not fail the test.

        Raises
        ------
        GradientError
            An AssertionError that reads like the report.
        TypeError, ValueError
            When an argument or an option is unusable.
        """
        __tracebackhide__ = True
        return self._check("check_gradients", options, cost, gradients, params)

    def jacobian(self, fun: Any, jac: Any, x: Any, pattern: Any = None, **options: Any) -> Report:
        """Check a Jacobian, as `geartrain.check_jacobian` does."""
        __tracebackhide__ = True
        return self._check("check_jacobian", options, fun, jac, x, pattern)

    def hessian(self, grad: Any, hess: Any, x: Any, **options: Any) -> Report:
        """Check a Hessian, or its products, as `geartrain.check_hessian` does."""
        __tracebackhide__ = True
        return self._check("check_hessian", options, grad, hess, x)

    def vjp(self, f: Any, vjp: Any, x: Any, **options: Any) -> Report:
        """Check a vector-Jacobian product, as `geartrain.check_vjp` does."""
        __tracebackhide__ = True
        return self._check("check_vjp", options, f, vjp, x)

    def jvp(self, f: Any, jvp: Any, x: Any, **options: Any) -> Report:
        """Check a Jacobian-vector product, as `geartrain.check_jvp` does."""
        __tracebackhide__ = True
        return self._check("check_jvp", options, f, jvp, x)

    def _check(self, function: str, options: Mapping[str, Any], *given: Any) -> Report:
        __tracebackhide__ = True
        from geartrain.pytest_check import check

        item = self._config.stash[CURRENT]
        report, warn = check(
            function,
            given,
            options,
            item=item,
            settings=self._config.stash[SETTINGS],
            records=item.stash[RECORDS],
        )
        if warn:
            warnings.warn(UndecidedWarning(f"not proved\n{report}"), stacklevel=3)
        return report


# Of the session, so that tests drawn by Hypothesis may use it as well.
@pytest.fixture(scope="session")
def gradcheck(pytestconfig: pytest.Config) -> Gradcheck:
    """Check a gradient: gradcheck(cost, gradients, params, **options), or gradcheck(problem)."""
    return Gradcheck(pytestconfig)


# --- options ----------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the command line, and keys of the configuration file."""
    group = parser.getgroup("gradcheck", "checking gradients (geartrain)")
    for name, metavar, text in (
        ("rtol", "NUMBER", "relative error promised to be caught in every coordinate"),
        ("seed", "NUMBER", "where the checks' randomness comes from; 0 by default"),
        ("undecided", "fail|warn|pass", "what becomes of a test whose check is undecided"),
    ):
        group.addoption(f"--gradcheck-{name}", metavar=metavar, help=text)
        parser.addini(f"gradcheck_{name}", f"{text} (geartrain)", default="")
    for kind in FILES:
        group.addoption(
            f"--gradcheck-{kind}",
            metavar="FILE",
            help=f"write the reports of all checks to FILE, as {kind.upper()}",
        )


def pytest_configure(config: pytest.Config) -> None:
    """Read the options, and say which are unusable before anything runs."""
    config.addinivalue_line(
        "markers",
        "gradcheck(rtol=..., seed=..., undecided=..., **options): options of the checks that the"
        " test makes with the fixture gradcheck",
    )
    config.stash[SETTINGS] = {
        name: value for name in _READ if (value := _setting(config, name)) is not None
    }
    for kind in FILES:
        _require_place(f"--gradcheck-{kind}", config.getoption(f"gradcheck_{kind}"))
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Results(config), "gradcheck-results")


def _setting(config: pytest.Config, name: str) -> Any:
    for option, given in (
        (f"--gradcheck-{name}", config.getoption(f"gradcheck_{name}")),
        (f"gradcheck_{name}", config.getini(f"gradcheck_{name}") or None),
    ):
        if given is not None:
            expected, read = _READ[name]
            try:
                return read(given)
            except ValueError:
                raise pytest.UsageError(f"{option}: expected {expected}, got {given!r}") from None
    return None


def _rtol(text: str) -> float:
    number = float(text)
    if not 0 < number < 1:
        raise ValueError
    return number


def _seed(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _undecided(text: str) -> str:
    from geartrain.pytest_check import UNDECIDED

    return UNDECIDED[UNDECIDED.index(text)]


_READ = {
    "rtol": ("a number above 0 and below 1, such as 1e-6", _rtol),
    "seed": ("a whole number of 0 or more", _seed),
    "undecided": ("one of fail, warn, pass", _undecided),
}


def _require_place(option: str, path: str | None) -> None:
    if path is None:
        return
    folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120 pathlib takes time
    if not path or os.path.isdir(path) or not os.path.isdir(folder):  # noqa: PTH112 as above
        raise pytest.UsageError(
            f"{option}: expected a file in a folder that is there, got {path!r}"
        )


# --- while the tests run ----------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Know which test a check belongs to."""
    item.config.stash[CURRENT] = item
    item.stash[RECORDS] = []
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send what was checked along with the test's report, from workers too, and for JUnit."""
    if call.excinfo is not None and not LOADED_BY_CHECKS.isdisjoint(sys.modules):
        from geartrain import pytest_check

        pytest_check.note_failures(call.excinfo.value, item, item.stash[RECORDS])
        if not item.config.getoption("fulltrace", default=False):
            pytest_check.without_our_frames(call.excinfo.value)
    records = item.stash.get(RECORDS, [])
    if records:
        from geartrain import pytest_check

        item.user_properties += pytest_check.properties(records)
    report = yield
    if records:
        report.gradcheck = [*records]  # type: ignore[attr-defined]  # xdist sends it along
        records.clear()
    return report


class Results:
    """All checks of the run, and what is said and written of them at its end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._found: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the checks of a test, wherever it ran."""
        outcome = "expected" if hasattr(report, "wasxfail") else report.outcome
        for record in getattr(report, "gradcheck", ()):
            self._found.append({"test": report.nodeid, "outcome": outcome, **record})

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write the files that were asked for."""
        files = {kind: self._config.getoption(f"gradcheck_{kind}") for kind in FILES}
        files["markdown"] = os.environ.get("GITHUB_STEP_SUMMARY") if self._found else None
        for kind, path in files.items():
            if path:
                from geartrain import pytest_summary

                try:
                    pytest_summary.write(kind, path, self._found)
                except OSError as error:
                    pytest.exit(f"gradcheck: cannot write {path}: {error.strerror}", returncode=4)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was checked: one entry for each cause."""
        if self._found:
            from geartrain import pytest_summary

            terminalreporter.section("gradcheck")
            brief = self._config.get_verbosity() < 0
            for line in pytest_summary.lines(self._found, brief=brief):
                terminalreporter.line(line)
