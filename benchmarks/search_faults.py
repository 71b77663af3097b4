"""How a search finds each known bug: planted alone, found, at which shape, in which time.

    python benchmarks/search_faults.py --write docs/search.md     # some 10 minutes

Every fault of the self-test is planted in the live code, and networks of any kind are searched.
Whether a smaller network could have shown it is found out without any checker: the gradients with
the fault and without it are compared, for many networks of every smaller size. Seconds are those of
one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from backprop.arguments import activations
from backprop.costs import COSTS
from checks.methods.options import CheckOptions
from checks.network.faults.catalogue import FAULTS, Fault, plant
from checks.network.faults.selftest import HIDDEN, differs, gradient
from checks.network.network_search import NetworkSpace, network_at
from checks.searching.examples import Example
from checks.searching.points import POINTS
from checks.searching.search import look

# Networks drawn of every smaller size, to see whether one of them shows the fault.
DRAWS = 40
NAME = "search"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of one fault."""

    code: str
    title: str
    verdict: str
    before: int
    looked_at: int
    shape: str
    batch_size: int | None
    kinds: str
    seconds: float
    smaller: int
    shown: str


def row(fault: Fault, seed: int) -> Row:
    """Search with one fault in the code."""
    space = NetworkSpace()
    options = CheckOptions(seed=seed)
    started = time.process_time()
    with plant(fault):
        found = look(space, options, examples=500, seconds=None, database=None, progress=False)
    seconds = time.process_time() - started
    example = found.example or {}
    shape = tuple(example.get("shape", ()))
    batch_size = example.get("batch_size")
    sizes = space.sizes_below(Example(shape=shape, batch_size=batch_size))
    return Row(
        code=fault.code,
        title=fault.title,
        verdict=found.verdict,
        before=found.before,
        looked_at=found.looked_at,
        shape="-".join(map(str, shape)),
        batch_size=batch_size,
        kinds=", ".join(example.get(kind, "") for kind in ("activation", "cost")),
        seconds=seconds,
        smaller=len(sizes),
        shown=next((f"{s}, {b}" for s, b in sizes if shows(fault, s, b or 1, seed)), ""),
    )


def shows(fault: Fault, shape: tuple[int, ...], batch_size: int, seed: int) -> bool:
    """Whether the fault moves the gradient of some network of that size by more than rounding."""
    rng = np.random.default_rng(seed)
    layers = len(shape) - 1
    for _ in range(DRAWS):
        cost = str(rng.choice(fault.costs or tuple(COSTS)))
        only = None if fault.activation == "mixed" else fault.activation
        names = [only or str(name) for name in rng.choice(HIDDEN, size=layers)]
        names[-1] = COSTS[cost].output or names[-1]
        activations(names, cost, layers=layers)
        net, x, y, _ = network_at(
            shape,
            activation=names,
            cost=cost,
            batch_size=batch_size,
            seed=int(rng.integers(10_000)),
            point=str(rng.choice(list(POINTS))),
        )
        right = gradient((net, x, y))
        try:
            faulty = gradient((net, x, y), fault)
        except ValueError:  # of this shape it is no wrong gradient: it does not fit
            return False
        if any(differs(faulty[name], right[name]).any() for name in right):
            return True
    return False


def table(rows: list[Row]) -> str:
    """The rows, and what they come to."""
    head = ("planted", "until found", "smallest shape", "batch size", "seconds", "smaller sizes")
    lines = [f"| {' | '.join(head)} |", "| --- | ---: | --- | ---: | ---: | ---: |"]
    for r in rows:
        found = (f"{r.before}", r.shape, f"{r.batch_size}") if r.shape else ("not found", "", "")
        smaller = f"{r.smaller}" + (f", shown by {r.shown}" if r.shown else "")
        cells = (r.title, *found, f"{r.seconds:.1f}", smaller)
        lines.append(f"| {' | '.join(cells)} |")
    found_ = [r for r in rows if r.verdict == "fail"]
    least = [r for r in found_ if not r.shown]
    seconds = sorted(r.seconds for r in rows)
    lines.append("")
    lines.append(
        f"{len(found_)} of {len(rows)} found, {len(least)} of a size below which none shows it:"
        f" half within {np.median(seconds):.1f} s, all within {seconds[-1]:.1f} s,"
        f" {sum(seconds):.0f} s together."
    )
    return "\n".join(lines)


def main() -> int:
    """Search once for each fault, print the table, and write it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("codes", nargs="*", help="faults of the catalogue; by default all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", metavar="PATH")
    parser.add_argument("--write", metavar="FILE.md", help="put the table between its marks there")
    given = parser.parse_args()
    chosen = [f for f in FAULTS if not given.codes or f.code in given.codes]
    rows = []
    for fault in chosen:
        rows.append(row(fault, given.seed))
        print(f"{rows[-1].code}: {rows[-1].verdict}, {rows[-1].shape}", file=sys.stderr, flush=True)
    text = table(rows)
    print(text)
    if given.json:
        Path(given.json).write_text(json.dumps([asdict(r) for r in rows], indent=2), "utf-8")
    if given.write:
        write(Path(given.write), text)
    return 0 if all(r.verdict == "fail" and not r.shown for r in rows) else 1


def write(path: Path, text: str) -> None:
    """Put the table between the marks of its name in a document."""
    begin, end = f"<!-- {NAME}:begin -->", f"<!-- {NAME}:end -->"
    before, rest = path.read_text("utf-8").split(begin)
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
