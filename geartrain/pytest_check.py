"""A check in a test: its options, what is kept of it, and what a failure shows."""

from __future__ import annotations

import base64
import difflib
import inspect
import json
import pickle
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

import geartrain
from geartrain.pytest_summary import VERDICTS, coordinate

if TYPE_CHECKING:
    import pytest

    from checks import Report

Records = list[dict[str, Any]]
UNDECIDED = ("fail", "warn", "pass")  # what becomes of a test
PARTS = ("cost", "gradients", "params")
OPTIONAL = ("inputs", "jac", "args")  # what else a problem may bring along
KEPT = 100  # reports of one test; Hypothesis may run it a thousand times
OURS = ("checks", "geartrain")
FIXTURE = "geartrain.pytest_plugin"
# What our own code raises to say that it was called wrongly; anything else is a fault of ours.
REFUSALS = (AssertionError, ImportError, TypeError, ValueError)


def check(
    function: str,
    given: Sequence[Any],
    options: Mapping[str, Any],
    *,
    item: pytest.Item,
    settings: Mapping[str, Any],
    records: Records,
) -> tuple[Report, bool]:
    """The report of a check that does not fail the test, and whether to warn; it is recorded.

    `function` is one of `check_gradients` and its like, and `given` its arguments.
    """
    __tracebackhide__ = True
    run = getattr(geartrain, function)
    taken = _options_of(run)
    parts = _parts(*given) if function == "check_gradients" else None
    marked = {k: v for k, v in {**settings, **_marked(item)}.items() if k in taken}
    chosen = {**marked, **(parts or {}), **_known("gradcheck", options, taken)}
    undecided = chosen.pop("undecided", "fail")
    if undecided not in UNDECIDED:
        raise ValueError(f"undecided: expected one of {', '.join(UNDECIDED)}, got {undecided!r}")
    report = run(*(() if parts else given), **chosen)
    judged = _judged(parts) if parts else given[1]
    about = {**report.extra, "gradient": _name(judged)}
    report = replace(report, repeat=_again(item, settings), extra=about)
    if report.verdict == "fail" or (report.verdict != "pass" and undecided == "fail"):
        raise geartrain.GradientError(report)
    keep(report, records, pictured=_pictured(item))
    return report, report.verdict != "pass" and undecided == "warn"


def _parts(cost: Any, gradients: Any, params: Any) -> dict[str, Any]:
    """The arguments by name; one alone is a problem that holds them."""
    if gradients is not None or params is not None:
        return {"cost": cost, "gradients": gradients, "params": params}
    if isinstance(cost, geartrain.GradientProblem):
        return {"cost": cost}
    if isinstance(cost, tuple) and len(cost) == len(PARTS):
        return dict(zip(PARTS, cost, strict=True))
    held = cost if isinstance(cost, Mapping) else _attributes(cost)
    if not {"cost", "params"} <= held.keys():
        raise TypeError(
            "gradcheck: expected cost, gradients and params, or a problem: a tuple of these three,"
            f" or a dict or an object with these names; got one {type(cost).__name__}"
        )
    return {"gradients": None, **{name: held[name] for name in (*PARTS, *OPTIONAL) if name in held}}


def _attributes(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in (*PARTS, *OPTIONAL) if hasattr(found, name)}


def _marked(item: pytest.Item) -> dict[str, Any]:
    """The options of the test's markers; the closest has the last word."""
    options: dict[str, Any] = {}
    for mark in reversed([*item.iter_markers("gradcheck")]):
        if mark.args:
            raise TypeError(
                "the marker gradcheck: expected options by name, such as rtol=1e-5, got"
                f" {', '.join(map(repr, mark.args))}"
            )
        known = _options_of(geartrain.check_gradients)
        options |= _known("the marker gradcheck", mark.kwargs, known)
    return options


def _options_of(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return ["undecided", *(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)]


def _known(where: str, options: Mapping[str, Any], taken: Sequence[str]) -> Mapping[str, Any]:
    """The options, if all of them are among those taken."""
    for name in options:
        if name not in taken:
            close = difflib.get_close_matches(name, taken, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(taken)}"
            raise TypeError(f"{where}: expected options of the check, got {name!r}; {hint}")
    return options


def _judged(parts: Mapping[str, Any]) -> Any:
    """What is judged of a problem: its gradient, or a function that returns both."""
    cost, gradients = parts["cost"], parts.get("gradients")
    if isinstance(cost, geartrain.GradientProblem):
        gradients = cost.gradients
    return cost if gradients is None or gradients is True else gradients


def _name(judged: Any) -> str | None:
    """The function that is judged, by its full name; None where arrays are."""
    function = _innermost(judged)
    if not callable(function):
        return None
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _innermost(function: Any) -> Any:
    """What is wrapped by partial functions, and by the forms of ours."""
    for attribute in ("func", "function", "gradients"):
        inner = getattr(function, attribute, None)
        if callable(inner):
            return _innermost(inner)
    return function


def _again(item: pytest.Item, settings: Mapping[str, Any]) -> str:
    """The command that runs the test again, with what was said on the command line."""
    said = {name: item.config.getoption(f"gradcheck_{name}") for name in settings}
    given = [f"--gradcheck-{name}={value}" for name, value in said.items() if value is not None]
    return shlex.join(["pytest", item.nodeid, *given])


# --- what is kept -----------------------------------------------------------------------------


def note_failures(error: BaseException, item: pytest.Item, records: Records) -> None:
    """Keep the reports of the failed checks that have ended a test, were they ours or not."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            note_failures(each, item, records)
    elif isinstance(error, _failure()):
        keep(error.report, records, pictured=_pictured(item))


def _failure() -> type[Any] | tuple[()]:
    """The error of a failed check, if it is ours that is loaded."""
    found = getattr(sys.modules.get("checks.api"), "GradientError", ())
    return found if hasattr(found, "__mro__") else ()


def _pictured(item: pytest.Item) -> bool:
    return item.config.getoption("gradcheck_html") is not None


def keep(report: Report, records: Records, *, pictured: bool) -> None:
    """Add a report to the records of a test, as plain values, which xdist can send."""
    if len(records) >= KEPT and report.verdict == "pass":
        records[-1]["checks"] += 1  # counted, together with one that is kept
        return
    record = {"checks": 1, "report": json.loads(report.to_json())}
    if pictured and report.verdict != "pass":  # what JSON does not hold of it
        contents = pickle.dumps(report.page_contents())
        record["page"] = base64.b64encode(contents).decode("ascii")
    records.append(record)


def properties(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, object]]:
    """What JUnit's XML says of a test: counts, and how and where it failed."""
    reports = [record["report"] for record in records]
    worst = min(reports, key=lambda report: VERDICTS.index(report["verdict"]))
    found = [
        ("gradcheck_verdict", worst["verdict"]),
        ("gradcheck_checks", sum(record["checks"] for record in records)),
        ("gradcheck_parameters", sum(report["parameters"] for report in reports)),
        ("gradcheck_undecided", sum(report["undecided"] for report in reports)),
    ]
    if worst["diagnosis"]:
        found.append(("gradcheck_diagnosis", worst["diagnosis"]["code"]))
    if worst["worst"]:
        found.append(("gradcheck_worst", coordinate(worst["worst"])))
    return found


# --- what a failure shows ---------------------------------------------------------------------


def without_our_frames(error: BaseException) -> None:
    """Take our frames out of the traceback of an error, and of its causes, from the fixture on.

    They stay where the error is a fault of ours.
    """
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following and following not in chain:
        chain.append(following)
        _prune(following)
        following = following.__cause__ or following.__context__


def _prune(error: BaseException) -> None:
    entries = [*_entries(error.__traceback__)]
    calls = [k for k, entry in enumerate(entries) if _module(entry) == FIXTURE]
    if not calls or (_is_ours(entries[-1]) and not isinstance(error, REFUSALS)):
        return
    last = max(k for k, entry in enumerate(entries) if _is_ours(entry))
    kept = entries[: calls[0]] + entries[last + 1 :]
    for entry, following in zip(kept, [*kept[1:], None], strict=True):
        entry.tb_next = following


def _entries(entry: TracebackType | None) -> Iterator[TracebackType]:
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _is_ours(entry: TracebackType) -> bool:
    return _module(entry).partition(".")[0] in OURS


def _module(entry: TracebackType) -> str:
    return str(entry.tb_frame.f_globals.get("__name__", ""))
