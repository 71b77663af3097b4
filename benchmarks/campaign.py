"""The campaign: every promise of the verdict, counted over random networks and black boxes.

    python benchmarks/campaign.py [--networks 1000] [--coordinates 500] [--jobs 2] [--json PATH]

Parts are functions from a seed to counts (`trials`, `wrongs`, `courses` and others); they run in
worker processes and their counts are added up. `PROMISES` says what the counts have to be. Whatever
breaks a promise is told on standard error with its part and seed; `--repeat PART SEED` runs it
alone. The functions of other libraries need the extra `bench`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import broken
import courses
import libraries
import measure  # before NumPy: one thread
import numpy as np
import offenders
import rough
import trials
import wrongs
from promises import HEAD, Row, cells, rows

Part = Callable[[int], Counter[str]]

MEASURED = Path(__file__).parent.parent / "docs" / "measured.md"

# Each part with the share of `--networks` that it takes as seeds; `None` takes `--coordinates`.
# The long ones come last.
PARTS: dict[str, tuple[Part, float | None]] = {
    "clean boxes": (offenders.clean_boxes, 1.0),
    "rough boxes": (rough.rough_boxes, 0.5),
    "offenders": (offenders.offending, 0.05),
    "low precision": (offenders.low_precision, 0.25),
    "broken oracles": (broken.broken_oracles, 0.05),
    "sly oracles": (broken.sly_oracles, 0.05),
    "diagnosis": (wrongs.diagnosis, 0.025),
    "unknown": (wrongs.unknown, 0.5),
    "scaling": (trials.scaling, 0.05),
    "probe": (trials.probing, 0.25),
    "functions of other libraries": (
        libraries.functions_of_libraries,
        libraries.POINTS * len(libraries.NAMES) / 1000,
    ),
    "course networks": (courses.course_networks, 1.0),
    "networks": (trials.clean_and_planted, 1.0),
    "784-40-10": (trials.default_shape, None),
}


def guarded(part: Part, name: str, seed: int) -> Counter[str]:
    """The part's counts for one seed; a crash is one of them."""
    try:
        found = part(seed)
    except Exception:  # noqa: BLE001 - told, counted, and the campaign goes on
        trials.complain("crashed", seed, name, traceback.format_exc())
        found = Counter(crashed=1)
    return found + Counter({"seeds run": 1})


def total(part: Part, name: str, seeds: Iterable[int], jobs: int) -> Counter[str]:
    """The part's counts over all seeds."""
    work = partial(guarded, part, name)
    if jobs == 1:
        return sum(map(work, seeds), Counter())
    with ProcessPoolExecutor(jobs) as pool:
        return sum(pool.map(work, seeds, chunksize=4), Counter())


def seeds_of(share: float | None, *, networks: int, coordinates: int) -> range:
    """The seeds that a part runs."""
    return range(coordinates if share is None else max(1, round(share * networks)))


def run(networks: int, coordinates: int, jobs: int) -> Iterator[dict[str, Any]]:
    """After each part what was found so far: promises, counts, and where and on what."""
    started = time.perf_counter()
    counts: Counter[str] = Counter()
    seconds: dict[str, float] = {}
    seeds: dict[str, list[int]] = {}
    for name, (part, share) in PARTS.items():
        begun = time.perf_counter()
        chosen = seeds_of(share, networks=networks, coordinates=coordinates)
        counts += total(part, name, chosen, jobs)
        seconds[name], seeds[name] = time.perf_counter() - begun, [0, len(chosen) - 1]
        print(f"{name}: seeds 0 to {len(chosen) - 1}, {seconds[name]:.0f} s", file=sys.stderr)
        yield {
            "promises": [asdict(row) for row in rows(counts, networks)],
            "counts": dict(sorted(counts.items())),
            "seeds": seeds,
            "seconds": time.perf_counter() - started,
            "seconds by part": seconds,
            "finished": len(seconds) == len(PARTS),
            **measure.about(),
        }


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", type=_positive, default=1000)
    parser.add_argument(
        "--coordinates", type=_positive, default=500, help="planted in each tensor of 784-40-10"
    )
    parser.add_argument("--jobs", type=_positive, default=2, help="worker processes")
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="put the table between its markers in docs/measured.md",
    )
    parser.add_argument("--repeat", nargs=2, metavar=("PART", "SEED"), help="run one seed alone")
    options = parser.parse_args(words)
    if options.repeat and (options.repeat[0] not in PARTS or not options.repeat[1].isdigit()):
        parser.error(
            f"--repeat: expected one of {', '.join(PARTS)} and a seed, got {options.repeat}"
        )
    return options


def _positive(word: str) -> int:
    if not word.isdigit() or not int(word):
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, got {word!r}")
    return int(word)


def main(words: list[str] | None = None) -> int:
    """Run all parts, print and write what they found; 1 where a promise was broken."""
    options = arguments(words)
    if options.repeat:
        name, seed = options.repeat
        for key, count in sorted(guarded(PARTS[name][0], name, int(seed)).items()):
            print(f"{count:10,}  {key}")
        return 0
    result: dict[str, Any] = {}
    for result in run(options.networks, options.coordinates, options.jobs):
        if options.json:  # a run that is broken off leaves what it found
            options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    table = [Row(**row) for row in result["promises"]]
    lines = [cells(row) for row in table]
    print(measure.text_table(HEAD, lines))
    if options.write_docs:
        content = measure.markdown_table(HEAD, lines) + "\n\n" + about(result)
        measure.write_tables(MEASURED, {"campaign": content})
    return int(not all(row.kept for row in table))


def about(result: dict[str, Any]) -> str:
    """Where and when the table comes from."""
    return (
        f"{result['date']}, Python {result['python']}, NumPy {np.__version__},"
        f" {result['processor'] or result['machine']}, {result['seconds'] / 60:.0f} minutes."
    )


if __name__ == "__main__":
    sys.exit(main())
