"""The search, as it is called from Python: `search(make, ...)`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import configuration

from checks.methods.dispatch import run_check
from checks.methods.options import CheckOptions, CostError, Method, Oracle, whole
from checks.problem.problem import Problem
from checks.searching.engine import Check, Search
from checks.searching.examples import DTYPES, Build, Example, Space, example_of
from checks.searching.kinks import only_kinks
from checks.searching.makers import Held, Make, MakerError, arguments, made, space_of
from checks.searching.points import AS_MADE, POINTS
from checks.searching.progress import Line
from checks.searching.result import SearchResult, result_of
from checks.verdict.report import Report

EXAMPLES, SECONDS = 500, 60.0


def search(
    make: Make,
    *,
    examples: int | None = None,
    seconds: float | None = None,
    shape: Sequence[int] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    point: str | None = None,
    example: Mapping[str, Any] | None = None,
    seed: int = 0,
    database: str | Path | None = None,
    progress: bool = False,
    rtol: float | None = None,
    method: Method = "sweep",
    oracle: Oracle = "auto",
    strict: bool = False,
    cost_error: CostError = None,
    repeatable: bool = True,
) -> SearchResult:
    """Look over many problems for a wrong gradient, and for the smallest that shows it.

    Parameters
    ----------
    make
        Builds a problem: `make(shape, seed)`, where `shape` are layer widths, and with
        `batch_size` and `dtype` as further arguments where it wants them; or `make(draw)`, where
        `draw` draws from Hypothesis's strategies. It returns (cost, gradients, params), a dict or
        an object with these three, or None for what it cannot build. Annotated as in
        `shape: tuple[int, int]`, it is given shapes of so many widths.
    examples, seconds
        How many problems to look at, and for how long: 500 and 60 by default, whichever comes
        first; of one that is given alone, so much. To shrink what was found, the search takes as
        long again at the most.
    shape, batch_size, dtype
        What `make` is given every time, instead of any.
    point
        "as-made", to look only at the params that `make` returns. By default they are looked at
        rounded, made smaller and larger, and with zeros among them as well. What is raised there,
        or is no finite number, is passed over.
    example
        What to look at instead of searching: the `example` of a result.
    seed
        Where the examples come from.
    database
        A folder in which the smallest failure is kept, so that the next search begins with it.
    progress
        Whether to say on standard error how far it is, where that is a terminal.
    rtol, method, oracle, strict, cost_error, repeatable
        As for `check_gradients`.

    Returns
    -------
    SearchResult
        `verdict` is "fail" where a gradient is wrong, "pass" where none was found and "undecided"
        where nothing could be decided; `example` says where, and `str` of it is the text for
        people. Interrupted, it is what was found so far.

    Raises
    ------
    TypeError, ValueError
        When an argument is unusable, or `make` returns what cannot be checked.
    KeyboardInterrupt
        When interrupted before anything wrong was found.
    Exception
        What `make` or its functions raise, unchanged but for a note that says for which example;
        where a wrong gradient is found as well, that comes first.

    Examples
    --------
    >>> import numpy as np
    >>> def make(shape, seed):
    ...     x = np.random.default_rng(seed).normal(size=shape)
    ...     return lambda x: (x @ x.T).trace() / 2, lambda x: x.T if len(set(x.shape)) < 2 else x, x
    >>> found = search(make, examples=100)
    >>> found.verdict
    'fail'
    """
    options = CheckOptions(
        rtol=rtol,
        method=method,
        oracle=oracle,
        strict=strict,
        cost_error=cost_error,
        repeatable=repeatable,
        seed=seed,
    )
    held = Held(
        shape=None if shape is None else tuple(whole("shape", n, least=1) for n in shape),
        batch_size=None if batch_size is None else whole("batch_size", batch_size, least=1),
        dtype=_among("dtype", dtype, DTYPES),
        point=_among("point", point, tuple(POINTS)),
    )
    name = getattr(make, "__name__", "make")
    space = space_of(make, name, _call_again, held)
    only = None if example is None else example_of(example, name, arguments(make, name))
    return look(
        space,
        options,
        examples=examples,
        seconds=seconds,
        database=None if database is None else Path(database),
        progress=progress,
        only=None if only is None else (only, lambda: made(make, only, name)),
    )


def look(
    space: Space,
    options: CheckOptions,
    *,
    examples: int | None,
    seconds: float | None,
    database: Path | None,
    progress: bool,
    only: tuple[Example, Build] | None = None,
) -> SearchResult:
    """Search a space.

    Arguments and exceptions are those of `search`; `only` is a single example to look at, and what
    makes its problem.
    """
    if examples is None and seconds is None:
        examples, seconds = EXAMPLES, SECONDS
    if examples is not None:
        whole("examples", examples, least=1)
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"seconds: expected a finite number above 0, got {seconds!r}")

    with closing(Line(wanted=progress)) as line, _hypothesis_home(database):
        one = Search(
            space=space,
            check=_check(options, anywhere=space.anywhere),
            examples=examples,
            seconds=seconds,
            seed=options.seed,
            database=database,
            told=line.tell,
        )
        if only is None:
            one.run()
        else:
            one.look_at(*only)
    if one.smallest is None and one.raised is not None:
        example, error = one.raised
        error.add_note(f"raised for {example.words or 'the first that was drawn'}")
        raise error
    if not one.counts["pass"] and not one.smallest and not one.undecided:
        raise MakerError(
            f"make: expected a problem for some shape, got None {one.counts['refused']:,} times;"
            " have it return cost, gradients and params"
        )
    return result_of(one)


def _check(options: CheckOptions, *, anywhere: bool) -> Check:
    """What is asked of each problem: a report, or None where it is to be passed over.

    What the complex step alone finds wrong is none here. Of saturated units a right gradient is
    zero, in all of its digits, where the slope is some 1e-20; nobody would want that to be found.
    """
    real = replace(options, method="sweep", oracle="real")

    def check(problem: Problem, example: Example) -> Report | None:
        seed = options.seed if example.seed is None else example.seed
        report = run_check(problem, options, seed=seed)
        if report.verdict != "fail":
            return report
        if not anywhere and options.oracle == "auto":
            again = run_check(problem, real, seed=seed)
            if again.verdict != "fail":
                return again
        if example.point != AS_MADE and only_kinks(problem, report, seed):
            return None
        return report

    return check


def _call_again(example: Example) -> str:
    """How to look at the same problem from Python."""
    return f"search(make, example={example.to_dict()!r})"


def _among(argument: str, value: object, known: Sequence[str]) -> Any:
    if value is not None and value not in known:
        raise ValueError(f"{argument}: expected one of {', '.join(known)}, got {value!r}")
    return value


@contextmanager
def _hypothesis_home(database: Path | None) -> Iterator[None]:
    """Keep Hypothesis from leaving its folder, `.hypothesis`, wherever a search is run."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        configuration.set_hypothesis_home_dir(database or folder)
        try:
            yield
        finally:
            configuration.set_hypothesis_home_dir(None)
