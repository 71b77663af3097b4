"""Parts: from what people hand over in one piece, to a problem.

That is a Problem; or cost, gradients and params as a tuple of three, as a dict with those keys or
as an object with those attributes, `inputs` and `args` optional, `gradients` too where `jac` is
True.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from checks.api import named_inputs
from checks.forms import GradientProblem
from checks.problem.problem import Problem, black_box, call_user_function

PARTS = ("cost", "gradients", "params")
OPTIONAL = ("inputs", "jac", "args")


class PartsError(ValueError):
    """Cost, gradients and params that cannot be checked."""


def problem_of(found: Any) -> Problem | None:
    """The problem that `found` is, or holds the parts of; None where it is none.

    Raises
    ------
    PartsError
        Where the parts cannot be checked; says why.
    """
    if isinstance(found, Problem):
        return found
    parts = parts_of(found)
    if parts is None:
        return None
    try:
        parts["inputs"] = named_inputs(parts.get("inputs"))
        problem = black_box(**{"gradients": None, **parts})
    except (TypeError, ValueError) as error:
        raise PartsError(str(error)) from error
    within = found.within if isinstance(found, GradientProblem) else problem.within
    return replace(problem, within=within)


def kind_of(found: Any) -> str:
    """What something is that holds no problem, for an error."""
    if isinstance(found, Mapping):
        return f"a dict with the keys {', '.join(map(repr, found)) or 'none'}"
    if isinstance(found, tuple):
        return f"a tuple of {len(found)}"
    return f"{type(found).__name__}"


def parts_of(found: Any) -> dict[str, Any] | None:
    """The cost, gradients, params and what else of `OPTIONAL` that `found` holds, or None."""
    if isinstance(found, GradientProblem):
        return {**dict(zip(PARTS, found, strict=True)), "batched": found.batched}
    if isinstance(found, tuple):
        return dict(zip(PARTS, found, strict=True)) if len(found) == len(PARTS) else None
    if isinstance(found, Mapping):
        return _pick(found.__contains__, found.__getitem__)
    held = _pick(
        lambda part: call_user_function("the object", hasattr, found, part),
        lambda part: call_user_function("the object", getattr, found, part),
    )
    if held is not None and not isinstance(held.get("args", ()), tuple):
        del held["args"]  # something else of the same name
    return held


def _pick(has: Callable[[str], bool], get: Callable[[str], Any]) -> dict[str, Any] | None:
    both = has("jac") and get("jac") is True
    if not all(has(part) for part in PARTS if not (both and part == "gradients")):
        return None
    found = {part: get(part) for part in (*PARTS, *OPTIONAL) if has(part)}
    return found | {"jac": both}
