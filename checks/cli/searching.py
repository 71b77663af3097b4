"""`gradcheck --search`: over what a maker builds, or over our own networks.

What is given on the command line is held, and the rest is searched. Only click is loaded here.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backprop.system import exit_codes, parsing
from backprop.system.terminal import StoppedError
from checks.cli.surroundings import user_errors

if TYPE_CHECKING:
    from checks.methods.options import CheckOptions
    from checks.problem.problem import Problem
    from checks.searching.examples import Example, Space
    from checks.searching.result import SearchResult

# As in `checks.searching.points`, which is not loaded for them.
POINTS = ("rounded", "some-zeros", "as-made", "small", "large")
OWN = ("search", "examples", "seconds")
MAKER = "make"

OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--search", is_flag=True,
                 help="Look for the smallest problem with a wrong gradient, among those that"
                      " FILE:make builds; without a file, among networks of ours."),
    click.option("--examples", type=click.IntRange(min=1), metavar="NUMBER",
                 help="How many problems to search; by default 500, or 60 seconds."),
    click.option("--seconds", type=click.FloatRange(min=0, min_open=True), metavar="NUMBER",
                 help="How long to search; alone, however many problems that are."),
    click.option("--shape", metavar="WIDTHS",
                 help="The shape that make builds a problem of, such as 3-2."),
    click.option("--point", type=click.Choice(POINTS),
                 help="Where to look instead of at the parameters as they are drawn or made."),
    click.option("--drawn", metavar="VALUES",
                 help="What make(draw) is to draw, as a search has printed it."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be searched.

    Attributes
    ----------
    target, shape
        The words that say what, and the shape that they are, if they are one.
    given, typed
        All options, and the names of those on the command line.
    repeated
        Those that belong to the command that repeats a check.
    """

    target: tuple[str, ...]
    shape: tuple[int, ...] | None
    given: dict[str, Any]
    typed: frozenset[str]
    repeated: tuple[str, ...]

    def held(self, name: str) -> Any:
        """An option where it was typed, otherwise None: then it is searched."""
        return self.given[name] if name in self.typed else None


def run(job: Job, options: CheckOptions) -> SearchResult:
    """Search, and say what was found.

    Raises
    ------
    click.ClickException
        Where the words do not go together, or what they name cannot be searched.
    KeyboardInterrupt
        Where there is one before anything wrong was found.
    """
    from checks.searching.search import look

    if job.given["drawn"] is not None:
        raise click.UsageError("--drawn: expected no --search beside it, which draws by itself")
    with user_errors():
        try:
            return look(
                _space(job),
                options,
                examples=job.given["examples"],
                seconds=job.given["seconds"],
                database=_database(job),
                progress=True,
            )
        except Exception as error:
            if exit_codes.is_theirs(error):
                where = "".join(f" ({note})" for note in vars(error).pop("__notes__", []))
                raise StoppedError(error, f"{exit_codes.sentence(error)}{where}") from error
            raise


def _space(job: Job) -> Space:
    if not any(map(str.strip, job.target)) or job.shape is not None:
        return _networks(job)
    if len(job.target) > 1:
        raise click.UsageError(
            f"FILE:make: expected one file, or nothing to search our own networks, got"
            f" {shlex.join(job.target)}"
        )
    if wrong := sorted(job.typed & {"activation", "cost"}):
        raise click.UsageError(
            f"{job.target[0]}: expected no options that describe a network, got --{wrong[0]};"
            " leave it out, or leave out the file to search our own networks"
        )
    from checks.cli.target_loading import load_as, split
    from checks.searching.makers import Held, space_of

    target = job.target[0]
    if split(target)[0] == target:
        target = f"{target}:{MAKER}"
    held = Held(
        shape=_widths(job.given["shape"]),
        batch_size=job.held("batch_size"),
        dtype=job.held("dtype"),
        point=job.held("point"),
    )

    def again(example: Example) -> str:
        words = _again(example)
        return " ".join(["gradcheck", shlex.quote(target), *job.repeated, *words])

    return load_as(target, lambda make, name: space_of(make, name, again, held))


def _again(example: Example) -> list[str]:
    """The options that make an example again; a search begins with one that has no words."""
    from checks.searching.makers import can_be_typed

    if example.drawn is not None and not can_be_typed(example.drawn):
        return ["--search"]
    shape = ["--shape", "-".join(map(str, example.shape))] if example.shape else []
    return [*shape, *example.options]


def _networks(job: Job) -> Space:
    from checks.network.network_search import NetworkSpace

    if job.given["shape"] is not None:
        raise click.UsageError(
            f"--shape: expected a file whose make builds a problem of that shape, got none; for a"
            f" network write gradcheck {job.given['shape']} --search"
        )
    activation = job.held("activation")
    space = NetworkSpace(
        shape=job.shape,
        batch_size=job.held("batch_size"),
        activation=activation,
        cost=job.held("cost"),
        dtype=job.held("dtype"),
        point=job.held("point"),
    )
    space.require_costs()
    return space


def problem_of_maker(make: Any, name: str, given: dict[str, Any]) -> Problem:
    """The one problem that a maker builds of the options.

    Raises
    ------
    ValueError
        Where an option is missing, or not asked for.
    """
    from checks.searching.examples import Example
    from checks.searching.makers import DRAW, MakerError, arguments, made, parse_drawn
    from checks.searching.points import AS_MADE

    asked = arguments(make, name)
    needed = "drawn" if asked == (DRAW,) else "shape"
    for option in ("drawn", "shape"):
        if given[option] is None and option == needed and ("shape" in asked or asked == (DRAW,)):
            raise MakerError(
                f"{name}: expected --search, or --{option} for one of its problems, got neither"
            )
        if given[option] is not None and option != needed:
            raise MakerError(f"--{option}: expected none, for {name} asks for {', '.join(asked)}")
    example = Example(
        shape=_widths(given["shape"]) or (),
        batch_size=given["batch_size"],
        dtype=given["dtype"],
        point=given["point"] or AS_MADE,
        drawn=None if given["drawn"] is None else parse_drawn(given["drawn"]),
        seed=given["seed"],
    )
    try:
        problem, _ = made(make, example, name)
    except MakerError as error:  # also where it was raised in a draw that their code has called
        raise click.UsageError(str(error)) from error
    if problem is None:
        raise MakerError(f"{name}: expected a problem, got None: it builds none of that")
    return problem


def is_maker(found: Any, given: dict[str, Any]) -> bool:
    """Whether something builds problems, rather than being one: it needs arguments."""
    import inspect

    from checks.parts import parts_of
    from checks.problem.problem import Problem

    if not callable(found) or isinstance(found, Problem) or parts_of(found) is not None:
        return False
    if any(given[option] is not None for option in ("shape", "drawn")):
        return True
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return any(p.default is p.empty and p.kind in kinds for p in parameters)


def _widths(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    return (int(text),) if text.isdecimal() and int(text) > 0 else parsing.parse_shape(text)


def _database(job: Job) -> Path | None:
    """Where the smallest failure of such a search is kept; None where there is no place for it."""
    name, _, function = "".join(job.target).rpartition(":")
    import hashlib

    from backprop.system import cache_folder

    of = [str(Path(name).resolve()) if name else "", function, *sorted(job.typed - {"seed"})]
    key = hashlib.sha256("\n".join(of).encode()).hexdigest()[:16]
    try:
        folder = cache_folder.for_searches() / key
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None  # a search is no less one for beginning anew
    return folder
