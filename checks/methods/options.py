"""The options of a check: one frozen set, with every default, and what each may be.

Whoever takes options makes a `CheckOptions` of them before anything runs; from there on it is
handed on whole. Nothing of NumPy is loaded for it, so that command lines can ask for `METHODS`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

if TYPE_CHECKING:
    from concurrent.futures import Executor  # it loads logging, and command lines read this

Method = Literal["sweep", "naive", "probe", "taylor"]
Oracle = Literal["auto", "complex", "real"]

SWEEPS: tuple[Method, ...] = ("sweep", "naive")
METHODS: tuple[Method, ...] = get_args(Method)
ORACLES: tuple[Oracle, ...] = get_args(Oracle)

Progress = Callable[[int], None]

# How far off the cost is: a number, or a function of its value.
CostError = float | Callable[[float], float] | None

# How many coordinates of each tensor, or which share of each.
Sample = int | float


class Options(TypedDict, total=False):
    """The options by name, for functions that hand them on."""

    rtol: float | None
    method: Method
    oracle: Oracle
    strict: bool
    cost_error: CostError
    repeatable: bool
    sample: Sample | None
    stop_after: int | None
    seed: int
    progress: Progress | bool | None
    executor: Executor | None


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What a check is asked for; `checks.check_gradients` says what each option means.

    Raises
    ------
    TypeError, ValueError
        When one of them is unusable, or does not go with another.
    """

    rtol: float | None = None
    method: Method = "sweep"
    oracle: Oracle = "auto"
    strict: bool = False
    cost_error: CostError = None
    repeatable: bool = True
    sample: Sample | None = None
    stop_after: int | None = None
    seed: int = 0
    progress: Progress | bool | None = None
    executor: Executor | None = None

    def __post_init__(self) -> None:
        """Require that every option is what it may be, and that they go together."""
        known: dict[str, Any] = {
            "rtol": None if self.rtol is None else _fraction("rtol", self.rtol),
            "method": _choice("method", self.method, METHODS),
            "oracle": _choice("oracle", self.oracle, ORACLES),
            "strict": flag("strict", self.strict),
            "repeatable": flag("repeatable", self.repeatable),
            "seed": whole("seed", self.seed, least=0),
        }
        if self.cost_error is not None and not callable(self.cost_error):
            known["cost_error"] = _error(self.cost_error)
        if self.sample is not None:
            known["sample"] = _sample(self.sample)
        if self.stop_after is not None:
            known["stop_after"] = whole("stop_after", self.stop_after, least=1)
        for name, value in known.items():
            object.__setattr__(self, name, value)
        if not (
            self.progress is None or isinstance(self.progress, bool) or callable(self.progress)
        ):
            raise TypeError(
                f"progress: expected a function of a count, or None, got {self.progress!r}"
            )
        if self.executor is not None and not callable(getattr(self.executor, "submit", None)):
            raise TypeError(
                "executor: expected something that can submit, such as"
                f" concurrent.futures.ProcessPoolExecutor(), or None, got {self.executor!r}"
            )
        self._go_together()

    def _go_together(self) -> None:
        if self.oracle != "auto" and self.method not in SWEEPS:
            raise ValueError(
                f"oracle: expected 'auto' with method {self.method!r}, which chooses its own, got"
                f" {self.oracle!r}"
            )
        if self.executor is not None and self.method not in SWEEPS:
            raise ValueError(
                f"executor: expected None with method {self.method!r}, which has no pieces to"
                f" share, got {self.executor!r}"
            )
        for name, value in (("sample", self.sample), ("stop_after", self.stop_after)):
            if value is not None and self.method not in SWEEPS:
                raise ValueError(
                    f"{name}: expected None with method {self.method!r}, which has no coordinates"
                    f" to choose from, got {value!r}"
                )
        if self.oracle == "complex" and (self.cost_error is not None or not self.repeatable):
            raise ValueError(
                "oracle: expected 'auto' or 'real' for a cost that is not exact, got 'complex';"
                " leave out cost_error and repeatable, or the oracle"
            )

    def as_call(self, function: str, **own: tuple[Any, Any]) -> str:
        """The call of `function` that repeats a check.

        It names what is not the default, of `own` options given as pairs of value and default, too.
        """
        given = dict(own)
        for field in fields(self):
            if field.name not in ("seed", "progress", "executor"):
                given[field.name] = getattr(self, field.name), field.default
        named = [
            f"{key}={value!r}" if isinstance(value, str | int | float) else f"{key}=..."
            for key, (value, default) in given.items()
            if not ((isinstance(value, str | int | float) and value == default) or value is default)
        ]
        return f"{function}({', '.join(['...', *named, f'seed={self.seed}'])})"


def whole(argument: str, value: object, *, least: int) -> int:
    """A whole number of at least `least`."""
    expected = f"{argument}: expected a whole number of {least} or more, got {value!r}"
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(expected) from None
    if isinstance(value, bool) or number < least:
        raise ValueError(expected)
    return number


def flag(argument: str, value: object) -> bool:
    """True or False, NumPy's own included."""
    if not isinstance(value, bool):
        import numpy as np

        if not isinstance(value, np.bool_):
            raise TypeError(f"{argument}: expected True or False, got {value!r}")
    return bool(value)


def _sample(value: object) -> Sample:
    """A count, as an int, or a share of each tensor."""
    expected = (
        "sample: expected a whole number of coordinates for each tensor, such as 100, or a share"
        f" above 0 and below 1, such as 0.01, got {value!r}"
    )
    if isinstance(value, bool | str):
        raise TypeError(expected)
    with suppress(TypeError):
        count = operator.index(value)  # type: ignore[arg-type]
        if count >= 1:
            return count
        raise ValueError(expected)
    try:
        share = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(expected) from None
    if not 0 < share < 1:
        raise ValueError(expected)
    return share


def _fraction(argument: str, value: float) -> float:
    expected = f"{argument}: expected a number above 0 and below 1, such as 1e-6, got {value!r}"
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(expected) from None
    if not (math.isfinite(number) and 0 < number < 1):
        raise ValueError(expected)
    return number


def _error(value: object) -> float:
    expected = (
        "cost_error: expected a finite number of 0 or more, such as 1e-8, or a function from the"
        f" cost's value to one, got {value!r}"
    )
    if isinstance(value, bool | str):
        raise TypeError(expected)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(expected) from None
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(expected)
    return number


def _choice(argument: str, name: object, known: tuple[str, ...]) -> str:
    if isinstance(name, str) and name in known:
        return name
    import difflib

    close = difflib.get_close_matches(str(name).lower(), known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    message = f"{argument}: expected one of {', '.join(known)}, got {name!r}{hint}"
    raise ValueError(message) if isinstance(name, str) else TypeError(message)


DEFAULTS = CheckOptions()
