"""The `gradcheck` command: a shape, or anyone's cost and gradient, to a printed report.

`checks.network.random_networks` draws the network of a shape and its minibatch from the seed.
Only click is loaded here, so that help and mistyped options answer at once.
"""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from backprop.system import exit_codes, parsing
from backprop.system.folding import fitted
from backprop.system.progress_bar import Bar, Passes
from backprop.system.terminal import Command, CommandError, StoppedError, show, version_option
from checks.cli import searching
from checks.cli.comparison import compared, earlier
from checks.cli.pictures import pictures
from checks.cli.supervision import own_streams, supervised
from checks.cli.surroundings import Write, one_thread, output, told, user_errors, workers
from checks.methods.options import METHODS, ORACLES, SWEEPS, CheckOptions, Method

if TYPE_CHECKING:
    from checks.problem.problem import Problem
    from checks.verdict.report import Report

EXIT_CODES = {
    end.name: end.code for end in (exit_codes.PASS, exit_codes.FAIL, exit_codes.UNDECIDED)
}
SELFTEST_ROUNDS = 4

# As many processes as Windows lets one wait for; elsewhere, more than anyone has use for.
MOST_JOBS = 61 if sys.platform == "win32" else 1024

# Networks up to this many parameters are run on one thread: their products are too small to share.
SMALL = 2**20

NETWORK_OPTIONS = ("batch_size", "activation", "cost", "dtype")
MAKER_OPTIONS = ("batch_size", "dtype", "shape", "point", "drawn")
SELFTEST_OPTIONS = ("seed", "selftest", "json_path", "quiet")
# Not those that change where a check is run: its numbers are the same.
NOT_REPEATED = (
    "target", "seed", "json_path", "html_path", "plot_path", "quiet", "jobs", "dask", "compare"
)  # fmt: skip


def _sample(text: str | None) -> int | float | None:
    """A count, or a share, as `--sample` takes it."""
    if text is None:
        return None
    try:
        return int(text) if text.strip().isdecimal() else float(text)
    except ValueError:
        raise click.UsageError(
            "--sample: expected a whole number of coordinates for each tensor, such as 100, or a"
            f" share above 0 and below 1, such as 0.01, got {text!r}"
        ) from None


OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("target", nargs=-1, metavar="SHAPE | FILE[:NAME]..."),
    click.option("--batch-size", type=click.IntRange(min=1), default=20, show_default=True,
                 help="Samples in the drawn minibatch."),
    click.option("--activation", default="sigmoid", show_default=True, metavar="NAME[,NAME...]",
                 help="sigmoid, tanh, relu, softplus, identity; one, or one for each layer. With"
                      " one, a cross-entropy has its own at the output."),
    click.option("--cost", default="quadratic", show_default=True, metavar="NAME",
                 help="quadratic, cross-entropy (output sigmoid) or softmax-cross-entropy (output"
                      " softmax)."),
    click.option("--dtype", type=click.Choice(["float64", "float32"]), default="float64",
                 show_default=True,
                 help="The parameters'; a float32 network is checked in float64 as well."),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
                 help="Draws the network, the minibatch and the check's own randomness."),
    click.option("--rtol", type=float, metavar="NUMBER",
                 help="The relative error promised to be caught in any coordinate; by default"
                      " 1e-6, for float32 1e-2."),
    click.option("--method", type=click.Choice(METHODS), default="sweep", show_default=True,
                 help="sweep: every parameter, by the shortest rerun. naive: by the plain loop."
                      " probe: all at once. taylor: the slope of the Taylor remainder."),
    click.option("--probe", is_flag=True,
                 help="One projection compares all parameters, and bisection names the culprits."),
    click.option("--oracle", type=click.Choice(ORACLES), default="auto", show_default=True,
                 help="What gives the numeric values of a sweep."),
    click.option("--strict", is_flag=True,
                 help="Leave undecided what the cost shows less sharply than to --rtol."),
    click.option("--cost-error", type=float, metavar="NUMBER",
                 help="How far the cost may be off, where that is more than rounding: solvers,"
                      " simulations, GPUs."),
    click.option("--not-repeatable", is_flag=True,
                 help="The cost differs from call to call: measure how far, and judge at that"
                      " noise."),
    click.option("--sample", metavar="NUMBER", callback=lambda _, __, text: _sample(text),
                 help="Check so many random coordinates of each tensor, or, below 1, such a share"
                      " of each; the rest is not checked."),
    click.option("--stop-after", type=click.IntRange(min=1), metavar="N",
                 help="End at the first N wrong coordinates."),
    click.option("--jobs", type=click.IntRange(1, MOST_JOBS), default=1, show_default=True,
                 help="Processes to share a sweep among."),
    click.option("--dask", metavar="ADDRESS",
                 help="Share a sweep among the workers of the Dask scheduler there."),
    click.option("--selftest", is_flag=True,
                 help="Plant known bugs instead, and show which are caught."),
    *searching.OPTIONS,
    click.option("--json", "json_path", metavar="PATH",
                 help="Write the report as JSON; - is standard output, and then nothing else is"
                      " printed there."),
    click.option("--compare", metavar="PATH",
                 help="The JSON of an earlier run: say what became wrong, undecided or slower"
                      " since."),
    click.option("--html", "html_path", metavar="FILE",
                 help="Write a page: pictures, tables, and the verdict in words, in one file."),
    click.option("--plot", "plot_path", metavar="FILE",
                 help="Draw the page's pictures as FILE.png or FILE.svg, by matplotlib."),
    click.option("--quiet", is_flag=True, help="Print the verdict only."),
    version_option("gradcheck, version {}"),
)  # fmt: skip


def _with_options(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(OPTIONS):
        function = option(function)
    return function


@click.command(
    cls=Command,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 pass, 1 fail, 2 usage, 3 undecided; and where nothing was judged: 4 the"
    " checked code raised an error, 5 no memory or a full disk, 6 a fault of gradcheck, 130"
    " interrupted, 141 reader gone.",
)
@_with_options
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Check a gradient, coordinate by coordinate, against reruns of its cost.

    \b
    gradcheck 784 40 10             a network of that shape; also 784-40-10
    gradcheck path/to/file.py:name  anyone's cost, gradients and params:
                                    a tuple, a dict, an object with these,
                                    or a function that returns one of them;
                                    several of these are checked in turn
    gradcheck package.module:name   the same, from a module
    gradcheck path/to/file.py       what in the file can be checked
    gradcheck FILE:make --search    the smallest problem with a wrong gradient,
                                    among those that make(shape, seed) builds

    The code in a file or module is run, as `python` would run it.
    """  # noqa: D301 click reads the \b: do not rewrap
    job = _selftest if given["selftest"] else _search if given["search"] else _check
    with output(given["json_path"]) as write, told(write):
        code = job(context, given, write)
    context.exit(code)


def main() -> None:
    """Run `gradcheck` on the process's arguments, and exit."""
    command(prog_name="gradcheck", obj=supervised)


# --- the jobs ---------------------------------------------------------------------------------


def _check(context: click.Context, given: dict[str, Any], write: Write) -> int:
    if wrong := [f"--{name}" for name in ("examples", "seconds") if given[name] is not None]:
        raise click.UsageError(f"{wrong[0]}: expected --search beside it")
    if not any(map(str.strip, given["target"])):
        raise click.UsageError(
            "SHAPE or FILE: expected layer widths such as 784 40 10, or a Python file such as"
            " path/to/file.py:name, got nothing"
        )
    method = _method(context, given)
    before = earlier(given["compare"])
    draw = pictures(given["html_path"], given["plot_path"])
    with user_errors():
        shape = shape_of(given["target"])
    if shape is None and context.obj:
        context.obj()  # before NumPy is loaded, and anyone's code
    elif shape is not None and sum(map(math.prod, pairwise(shape))) <= SMALL:
        one_thread()
    options = _options(given, method)
    with own_streams():
        targets = _targets(context, given, shape)
    if given["plot_path"] is not None and len(targets) > 1:
        raise click.UsageError(
            f"--plot: expected a single target beside it, got {shlex.join(given['target'])};"
            " --html takes several"
        )
    with own_streams():
        checked = _reports(targets, given, options)
    named = zip((target.name for target in targets), checked, strict=True)
    reports, changes = compared(dict(named), before, given["compare"])
    report = worst([*reports.values()])
    draw(reports)
    if len(reports) == 1:
        write(report.to_json())
        texts = [_text(report, given)]
    else:
        write(json_of_several(reports))
        texts = [_headed(name, _text(one, given), given) for name, one in reports.items()]
    if given["json_path"] != "-":
        for text in [*texts, *([fitted(changes)] if changes else [])]:
            show(text)
    return EXIT_CODES[report.verdict]


def _reports(
    targets: Sequence[_Target], given: dict[str, Any], options: CheckOptions
) -> list[Report]:
    """A report on each target."""
    from checks.methods.sweep import piece_count
    from checks.problem.part import drawn

    subjects = [subject for target in targets for subject in target.subjects]
    jobs = min(given["jobs"], max(map(piece_count, subjects)))
    totals = {id(s): drawn(s, options.sample) for s in subjects}
    alone, found = len(subjects) == 1, []
    bar = Passes(sum(totals.values())) if alone else Bar("checking", sum(totals.values()))
    with workers(jobs, given["dask"]) as executor, closing(bar):
        for target in targets:
            reports = []
            for twin, s in enumerate(target.subjects):
                own = replace(
                    options,
                    progress=bar.update if alone else _once(bar.update, totals[id(s)]),
                    executor=executor,
                    rtol=None if twin else options.rtol,
                )
                reports.append(_run(s, own))
            found.append(_together(reports, target.notes))
    return found


def _once(update: Callable[[int], None], total: int) -> Callable[[int], None]:
    """The progress of one of several checks: what it goes through again is not told again."""
    left = [total]

    def progress(done: int) -> None:
        done = min(done, left[0])
        left[0] -= done
        update(done)

    return progress


def _text(report: Report, given: dict[str, Any]) -> str:
    """What is printed of a report."""
    if given["quiet"]:
        return fitted(report.summary)
    picture = report.extra["taylor"]["picture"] if "taylor" in report.extra else None
    return "\n".join(filter(None, [fitted(str(report)), picture]))


def _headed(name: str, text: str, given: dict[str, Any]) -> str:
    """The same of one target among several."""
    return fitted(f"{name}: {text}") if given["quiet"] else f"{name}\n{text}\n"


def _options(given: dict[str, Any], method: Method) -> CheckOptions:
    """The options of a check, as the library takes them."""
    with user_errors():
        return CheckOptions(
            rtol=given["rtol"],
            method=method,
            oracle=given["oracle"],
            strict=given["strict"],
            cost_error=given["cost_error"],
            repeatable=not given["not_repeatable"],
            sample=given["sample"],
            stop_after=given["stop_after"],
            seed=given["seed"],
        )


def _search(context: click.Context, given: dict[str, Any], write: Write) -> int:
    names = set(given)
    for option in ("--jobs", "--dask", "--html", "--plot", "--compare", "--drawn"):
        if option in _given(context, but=()):
            raise click.UsageError(f"--search: expected no {option} beside it; leave it out")
    method = _method(context, given)
    with user_errors():
        shape = shape_of(given["target"])
    one_thread()
    if context.obj and shape is None and given["target"]:
        context.obj()  # before NumPy is loaded, and anyone's code
    own = {*NOT_REPEATED, *NETWORK_OPTIONS, *MAKER_OPTIONS, *searching.OWN}
    job = searching.Job(
        target=given["target"],
        shape=shape,
        given=given,
        typed=frozenset(name for name in names if _typed(context, name)),
        repeated=tuple(_given(context, but=own)),
    )
    options = _options(given, method)
    with own_streams():
        result = searching.run(job, options)
    write(result.to_json())
    if given["json_path"] != "-":
        show(fitted(result.summary if given["quiet"] else str(result)))
    return EXIT_CODES[result.verdict]


def _method(context: click.Context, given: dict[str, Any]) -> Method:
    """The method, with --probe as another word for one; what does not go together is an error."""
    method: Method = "probe" if given["probe"] else given["method"]
    named = context.get_parameter_source("method") is ParameterSource.COMMANDLINE
    if given["probe"] and named and given["method"] != "probe":
        raise click.UsageError(f"--probe: expected no other --method, got {given['method']!r}")
    if given["dask"] == "":
        raise click.UsageError("--dask: expected an address, such as tcp://host:8786, got ''")
    if given["dask"] and given["jobs"] > 1:
        raise click.UsageError("--dask: expected no --jobs beside it; the cluster has workers")
    sweeps_only = {
        "--oracle": given["oracle"] != "auto",
        "--sample": given["sample"] is not None,
        "--stop-after": given["stop_after"] is not None,
        "--jobs": given["jobs"] > 1,
        "--dask": bool(given["dask"]),
    }
    for option, used in sweeps_only.items():
        if used and method not in SWEEPS:
            raise click.UsageError(f"{option}: expected a sweep or naive method, got {method!r}")
    return method


def _selftest(context: click.Context, given: dict[str, Any], write: Write) -> int:
    if wrong := _given(context, but=SELFTEST_OPTIONS):
        raise click.UsageError(
            "--selftest: expected no more than --seed, --json and --quiet beside it, got"
            f" {shlex.join(wrong)}; it draws its own networks"
        )
    import json

    from checks.network.faults import selftest
    from checks.network.faults.catalogue import EditError

    try:
        with closing(Bar("checking", selftest.total(SELFTEST_ROUNDS))) as bar:
            result = selftest.run(given["seed"], SELFTEST_ROUNDS, bar.update)
    except EditError as error:
        raise CommandError(f"--selftest: {error}") from error
    write(json.dumps(result.to_dict(), indent=2))
    if given["json_path"] != "-":
        show(str(result).splitlines()[-1] if given["quiet"] else str(result))
    return 0 if result.passed else EXIT_CODES["fail"]


# --- from the words given to what is checked --------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Target:
    """What one target is: a network's float64 twin is checked beside it; what to say about it."""

    name: str
    subjects: list[Problem]
    notes: list[str] = field(default_factory=list)


def _targets(
    context: click.Context, given: dict[str, Any], shape: tuple[int, ...] | None
) -> list[_Target]:
    """What to check: a network of a shape, or as many files as there are."""

    def repeat(*target: str) -> str:
        words = ["gradcheck", *map(shlex.quote, target), *_given(context, but=NOT_REPEATED)]
        return " ".join([*words, f"--seed {given['seed']}"])

    if shape is not None:
        subjects, notes = _networks(shape, given, repeat(*given["target"]))
        return [_Target(name=" ".join(given["target"]), subjects=subjects, notes=notes)]

    def refuse(target: str, options: set[str]) -> None:
        if wrong := _given(context, but=set(given) - options):
            raise click.UsageError(
                f"{target}: expected no options that describe a network, got {shlex.join(wrong)};"
                " leave them out, or give a shape"
            )

    def convert(found: Any, name: str) -> Problem:
        if searching.is_maker(found, given):
            return searching.problem_of_maker(found, name, given)
        refuse(name, {*NETWORK_OPTIONS, *MAKER_OPTIONS})
        return subject_of(found, name)

    refuse(given["target"][0], set(NETWORK_OPTIONS) - set(MAKER_OPTIONS))
    if widths := [word for word in given["target"] if _is_width(word)]:
        raise click.UsageError(
            f"SHAPE or FILE: expected layer widths, or files such as path/to/file.py:name, got"
            f" {shlex.join(widths)} among files"
        )
    with user_errors():
        from checks.cli.target_loading import load_as, subject_of

        found = {target: load_as(target, convert) for target in given["target"]}
    return [
        _Target(name=target, subjects=[replace(one, repeat=one.repeat or repeat(target))])
        for target, one in found.items()
    ]


def _is_width(word: str) -> bool:
    return word[:1].isdecimal() and ".py" not in word and ":" not in word


def shape_of(target: Sequence[str]) -> tuple[int, ...] | None:
    """The widths in a target that begins like a shape; None for files and modules.

    Raises
    ------
    ValueError
        When some width is not a whole number.
    """
    text = " ".join(target)
    if not text[:1].isdecimal() or ".py" in text or ":" in text:
        return None
    return parsing.parse_shape(text)


def _networks(
    shape: tuple[int, ...], given: dict[str, Any], repeat: str
) -> tuple[list[Problem], list[str]]:
    if wrong := [f"--{name}" for name in ("shape", "drawn") if given[name] is not None]:
        raise click.UsageError(f"{wrong[0]}: expected a file with a make beside it, got a shape")
    drawn: dict[str, Any] = {
        "activation": parsing.parse_names(given["activation"]),
        **{name: given[name] for name in ("cost", "batch_size", "seed")},
    }
    with user_errors():
        if given["point"] is None:
            from checks.network.random_networks import random_network_and_batch

            net, x, y, notes = random_network_and_batch(shape, **drawn)
        else:  # what searches knows the points, and brings Hypothesis with it, which takes a while
            from checks.network.network_search import network_at

            net, x, y, notes = network_at(shape, **drawn, point=given["point"])
    from checks.network.adapter import network_problem

    nets = [net]
    if given["dtype"] == "float32":
        nets.insert(0, net.astype("float32"))
    return [network_problem(n, x, y, repeat=repeat) for n in nets], notes


def _typed(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _given(context: click.Context, *, but: Any) -> list[str]:
    """The options on the command line, as they could be typed again."""
    typed = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in but and _typed(context, name):
            if isinstance(parameter, click.Argument):
                typed += context.params[name]
            else:
                typed += parameter.opts[:1]
                typed += [] if context.params[name] is True else [str(context.params[name])]
    return typed


# --- from reports to one ----------------------------------------------------------------------


def _run(subject: Problem, options: CheckOptions) -> Report:
    """The check; whatever is raised meanwhile is no verdict, and says whose it was."""
    from checks.methods.dispatch import run_check
    from checks.parallel.executors import UnsendableError
    from checks.problem.problem import FormError

    try:
        return run_check(subject, options)
    except (KeyboardInterrupt, UnsendableError):
        raise
    except FormError as error:
        raise click.UsageError(str(error)) from error
    except BaseException as error:
        raise StoppedError(error) from error


SEVERITY = ("pass", "undecided", "fail")


def worst(reports: Sequence[Report]) -> Report:
    """The worst of several, the first of equals."""
    return max(reports, key=lambda report: SEVERITY.index(report.verdict))


def json_of_several(reports: Mapping[str, Report]) -> str:
    """The worst verdict, and each report with its target."""
    import json

    each = [{"target": name, **report.to_dict()} for name, report in reports.items()]
    found = {"verdict": worst([*reports.values()]).verdict, "reports": each}
    return json.dumps(found, indent=2, allow_nan=False)


def _together(reports: Sequence[Report], notes: Sequence[str]) -> Report:
    """One report: the worse of a float32 network's and its twin's, with a note on the other."""
    report = worst(reports)
    for twin in reports[1:]:
        other, of = (reports[0], "float32") if report is twin else (twin, "float64")
        which = "this is the same network in float64" if report is twin else ""
        text = f"{which + '; ' if which else ''}in {of}, rtol {other.rtol:g}: {other.summary}"
        report = replace(
            report, notes=(*report.notes, text), seconds=sum(r.seconds for r in reports)
        )
    return replace(report, notes=(*report.notes, *notes))
