"""The benchmark: checking, training and starting up, side by side with the peers.

    python benchmarks/bench.py [--data-dir MNIST] [--big] [--only PART …] [--quick]
                               [--output FOLDER] [--write FILE.md …]

Everything runs on one core, peers and this project in turn, in one process where they can; shown
are medians and their ratios. FOLDER gets `bench.json` and the plots, and FILE.md the tables,
between the marks `<!-- bench:begin -->` and `<!-- bench:end -->`, and likewise for `black boxes`,
`growth` and `projection`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import black_boxes
import measure
import parts
import plots
from measure import span

from backprop.datasets.dataset import Dataset
from backprop.datasets.sources import load

BIG = (4096, 8192, 8192, 10)
HEAD = ["", "geartrain", "beside it", "takes", "ratio"]
GROWTH_HEAD = ["sweep", "gradcheck", "probe", "fast_mode", "training", "torch", "loops"]
PROJECTED_HEAD = ["shape", "parameters", "sweep, one core", "sweep, 1,000 cores", "probe"]
MIB = 2**20
Row = list[str]


def main() -> int:
    """Measure, print, write, draw."""
    options = _options()
    measure.one_core()
    data = _data(options)
    turns = 1 if options.quick else options.turns
    runs: dict[str, Callable[[], Any]] = {
        "startup": lambda: parts.startup(3 if options.quick else 4 * turns),
        "gate": lambda: parts.gate(turns),
        "memory": lambda: parts.memory(options.data_dir),
        "checking": lambda: parts.checking(turns),
        "training": lambda: parts.training(data, turns),
        "black boxes": lambda: black_boxes.black_boxes(turns, quick=options.quick),
        "growth": lambda: parts.growth(turns, quick=options.quick),
        "projection": lambda: parts.projection(turns, quick=options.quick),
        "big": lambda: parts.big((512, 1024, 1024, 10) if options.quick else BIG),
    }
    result: dict[str, Any] = {**measure.about(), "turns": turns, "quick": options.quick}
    for name, run in runs.items():
        if name in options.only if options.only else name != "big" or options.big:
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            result[name] = run()
    _hand_over(result, options)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", type=Path, help="MNIST's four files; else random bytes")
    parser.add_argument("--big", action="store_true", help="a hundred million parameters, too")
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", choices=PARTS)
    parser.add_argument("--quick", action="store_true", help="small, to see whether it runs")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results"))
    parser.add_argument("--write", type=Path, nargs="*", default=[])
    return parser.parse_args()


PARTS = (
    "startup",
    "gate",
    "memory",
    "checking",
    "training",
    "black boxes",
    "growth",
    "projection",
    "big",
)


def _data(options: argparse.Namespace) -> Dataset:
    if options.data_dir is None:
        return parts.synthetic(6_000 if options.quick else 60_000)
    return load("mnist", data_dir=options.data_dir)


def _hand_over(result: dict[str, Any], options: argparse.Namespace) -> None:
    rows, notes = list(headline(result)), list(remarks(result))
    print(measure.text_table(HEAD, rows))
    print("\n".join(["", *notes]))
    tables = {"bench": "\n\n".join([measure.markdown_table(HEAD, rows), " ".join(notes)])}
    if "black boxes" in result:
        boxes = list(black_boxes.rows(result["black boxes"]))
        print("", measure.text_table(black_boxes.HEAD, boxes), sep="\n")
        tables["black boxes"] = measure.markdown_table(black_boxes.HEAD, boxes)
    if "growth" in result:
        grown = list(growth(result["growth"]))
        head = ["", *GROWTH_HEAD]
        print("", measure.text_table(head, grown), sep="\n")
        tables["growth"] = measure.markdown_table(head, grown)
    if "projection" in result and "big" in result:
        clean = result["big"]["clean"]
        projected = list(projection(result["projection"], clean["seconds"] / clean["parameters"]))
        print("", measure.text_table(PROJECTED_HEAD, projected), sep="\n")
        tables["projection"] = measure.markdown_table(PROJECTED_HEAD, projected)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "bench.json").write_text(json.dumps(result, indent=2) + "\n")
    for path in plots.draw(result, options.output):
        print(f"drawn: {path}", file=sys.stderr)
    for path in options.write:
        measure.write_tables(path, tables)


def headline(result: dict[str, Any]) -> Iterator[Row]:
    """One row for every comparison."""
    if "checking" in result:
        seconds = result["checking"]["seconds"]
        every = "check every parameter"
        for peer in ("torch gradcheck", "SciPy 3-point", "naive loop"):
            yield _row(every, seconds, "sweep, complex step", peer)
        yield _row("… by real differences", seconds, "sweep, real differences", "naive loop")
        for peer in ("torch fast_mode", "JAX check_grads", "autograd check_grads"):
            yield _row("check all at once", seconds, "probe", peer)
        yield _row("… once certified", seconds, "projection alone", "torch fast_mode")
    if "training" in result:
        seconds = result["training"]["seconds"]
        for peer in [name for name in seconds if name != "geartrain"]:
            yield _row("train one epoch", seconds, "geartrain", peer)
    if "startup" in result:
        for what in ("import checks", "gradcheck --help"):
            yield _row(f"`{what}`", result["startup"], what, "import numpy")


def _row(what: str, seconds: dict[str, Any], own: str, peer: str) -> Row:
    mine, theirs = seconds[own]["median"], seconds[peer]["median"]
    about = "≈ " if seconds[peer]["extrapolated"] else ""
    return [what, span(mine), peer, about + span(theirs), f"{about}{_ratio(theirs / mine)}"]


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}" if value < 2 else f"{value:.1f}"


def remarks(result: dict[str, Any]) -> Iterator[str]:
    """What the table is about, and the numbers that nothing stands beside, a sentence each."""
    yield "Ratio: how many times as long the other one takes; ≈: from a part of the work."
    if "checking" in result:
        yield from _about_checking(result["checking"])
    if "training" in result:
        yield from _about_training(result["training"])
    if "gate" in result:
        cold, warm = (result["gate"][name]["median"] for name in ("cold", "second run"))
        yield f"The gate takes {span(cold)} the first time, {span(warm)} from then on."
    if "memory" in result:
        own, least = (result["memory"][name] / MIB for name in ("backprop train", "import numpy"))
        yield f"A whole `backprop train` needs {own:.0f} MiB at most, NumPy alone {least:.0f} MiB."
    if "big" in result:
        yield from _about_big(result["big"])
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    yield f"One core of {result['processor']}, Python {result['python']}, {versions}."


def _about_checking(part: dict[str, Any]) -> Iterator[str]:
    shape = "-".join(map(str, part["shape"]))
    yield (
        f"Checking: {shape}, all {part['parameters']:,} parameters, batch {part['batch']}, float64."
    )
    errors = ", ".join(f"{name} {e:.1e}" for name, e in part["worst absolute error"].items())
    yield f"Largest difference from the analytic gradient: {errors}."


def _about_training(part: dict[str, Any]) -> Iterator[str]:
    shape = "-".join(map(str, part["shape"]))
    yield (
        f"Training: {shape}, {part['samples']:,} samples ({part['data']}), batch {part['batch']},"
        " float32; the peers' images are scaled beforehand."
    )
    reached = part["to 95%"]
    if reached["seconds"] is not None:
        yield (
            f"95% test accuracy after {span(reached['seconds'])} of training"
            f" ({reached['samples']:,} samples)."
        )


def _about_big(part: dict[str, Any]) -> Iterator[str]:
    clean, wrong = part["clean"], part["one wrong"]
    yield (
        f"The probe of {clean['parameters']:,} parameters: {clean['verdict']} in"
        f" {span(clean['seconds'])}, {clean['peak'] / 2**30:.1f} GiB at most; with one coordinate"
        f" wrong by a relative 1e-6: {wrong['verdict']}, {len(wrong['failures'])} named in"
        f" {wrong['probe']['passes']} passes, {span(wrong['seconds'])}."
    )


def growth(part: dict[str, Any]) -> Iterator[Row]:
    """How time grows: one row for every network."""
    for kind, grown in part.items():
        for each in grown:
            shape = "-".join(map(str, each["shape"]))
            check, train = each["check"], each["train"]
            cells = [check[n] for n in ("sweep", "torch gradcheck", "probe", "torch fast_mode")]
            cells += [train[n] for n in ("geartrain", "torch eager", "plain loops")]
            name = f"{kind}: {shape}, batch {each['batch']}"
            yield [name, *(span(cell["median"]) for cell in cells)]


def projection(part: list[dict[str, Any]], probed: float) -> Iterator[Row]:
    """A billion parameters: one row a shape; `probed` is the probe's seconds for a parameter."""
    for each in part:
        shape = "-".join(f"{n:,}" for n in each["shape"])
        times = (each["sweep"], each["sweep"] / 1000, each["parameters"] * probed)
        yield [shape, f"{each['parameters']:,}", *(f"≈ {long(t)}" for t in times)]


def long(seconds: float) -> str:
    """Seconds in the largest unit of which there are two."""
    units = {"years": 365.25 * 86400, "days": 86400, "hours": 3600, "minutes": 60}
    for name, size in units.items():
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {name}"
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
