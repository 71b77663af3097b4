"""Mutation testing: change the code in one place at a time, and see whether the tests notice.

    python benchmarks/mutation.py [backprop | checks | FILE …] [--sample N [--seed S]] [--jobs 2]
                                  [--json PATH]

Cosmic Ray makes the mutants, in copies of the checkout: it edits files, so that the tables of
activations and costs are mutated like any function, and the working tree stays as it is. Mutants
of type annotations, which nothing evaluates, are left out. A mutant that no test notices must be
listed as equivalent, with the reason, in `equivalents.toml`; the exit code is 1 where one is not
(`backprop`), or where fewer than 90% of those that are not equivalent were noticed (`checks`).
A sample is drawn from all the mutants of what is named, so that its share is an estimate of theirs.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENTS = Path(__file__).with_name("equivalents.toml")
COPIED = ("backprop", "checks", "geartrain", "data", "tests", "pyproject.toml")
COSMIC_RAY = (sys.executable, "-m", "cosmic_ray.cli")
CONFIG = "cosmic-ray.toml"
PATIENCE = 5.0  # a mutant that takes this many times as long as the tests without it never ends
OUTCOMES = ("killed", "timeout", "equivalent", "survived")
LEAST = {"backprop": 1.0, "checks": 0.9}

# The tests that are to notice a change in a module, the quickest to do so first; a test that does
# not exist is left out.
NETWORK = tuple(
    f"tests/backprop/test_{m}.py" for m in ("activations", "costs", "passes", "network")
)
PROPERTIES = "tests/checks/network/properties/test_network_properties.py"
FAST = ("training/fast_loop", "training/minibatches", "training/recorder")
LOOP = (*(f"tests/backprop/training/test_{m}.py" for m in ("recorder", "fast_loop", "minibatches")),
        "tests/checks/network/certification/test_training_loop_check.py", PROPERTIES)  # fmt: skip
ROOMS = {
    "problem": ("evaluation", "part"),
    "oracles": ("lines", "levels", "complex_step", "rounding", "noise", "calibration",
                "confirmation", "complex_safety", "nonholomorphic_calls", "thresholds"),
    "verdict": ("rule", "findings", "reasons"),
    "methods": ("run", "judge", "sweep", "in_parts", "projection", "probe", "single_projection",
                "taylor", "conclude", "dispatch"),
}  # fmt: skip
OF_ROOMS = tuple(f"{room}/test_{m}" for room, modules in ROOMS.items() for m in modules)
ENGINE = (
    *OF_ROOMS,
    *(f"verdict/test_{m}" for m in ("conduct", "report", "records")),
    "test_cases",
)
CHECKING = tuple(f"tests/checks/{test}.py" for test in ENGINE)
TESTS: dict[str, tuple[str, ...]] = {
    **{f"backprop/{m}.py": (*NETWORK, PROPERTIES)
       for m in ("passes", "activations", "costs", "network")},
    **{f"backprop/{m}.py": LOOP for m in FAST},
    **{f"checks/{room}/{m}.py":
       (f"tests/checks/{room}/test_{m}.py", f"tests/checks/test_{m}.py", *CHECKING)
       for room, modules in ROOMS.items() for m in modules},
    "checks/verdict/conduct.py": ("tests/checks/verdict/test_conduct.py", *CHECKING),
}  # fmt: skip

Place = tuple[tuple[int, int], str, int]  # of a mutant: line and column, operator, occurrence


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change, and what became of it: "killed", "timeout", "survived" or "equivalent"."""

    module: str
    line: int
    operator: str
    was: str
    became: str
    outcome: str
    reason: str = ""


def excuse(mutant: Mutant, listed: Mapping[str, Any]) -> str:
    """The reason why a mutant is equivalent; empty where there is none.

    `listed` is what `equivalents.toml` holds: whole lines of a module, and parts of any line.
    """
    for entry in listed["equivalent"]:
        known = mutant.module == entry["module"] and mutant.was == entry["was"]
        if known and mutant.became in entry["became"]:
            return str(entry["reason"])
    for entry in listed["anywhere"]:
        pieces = mutant.was.split(entry["was"])
        for k, became in product(range(1, len(pieces)), entry["became"]):
            sides = (entry["was"].join(side) for side in (pieces[:k], pieces[k:]))
            if became.join(sides) == mutant.became:
                return str(entry["reason"])
    return ""


def annotated(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where the type annotations of a module begin and end, as (line, column)."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            found.append(node.returns)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
    return [
        ((a.lineno, a.col_offset), (a.end_lineno or a.lineno, a.end_col_offset or 0))
        for a in found
        if a is not None
    ]


def places(copy: Path, module: str) -> list[Place]:
    """Where a module can be mutated, annotations left out."""
    from cosmic_ray.work_db import WorkDB, use_db

    spans = annotated((copy / module).read_text())
    with use_db(str(_session(copy, module)), WorkDB.Mode.open) as db:
        found = sorted(_place(item) for item in db.pending_work_items)
    return [p for p in found if not any(a <= p[0] < b for a, b in spans)]


def mutate(copy: Path, module: str, chosen: Collection[Place], timeout: float) -> Iterator[Mutant]:
    """The mutants of one module in the chosen places, each tested in this copy of the checkout."""
    from cosmic_ray.work_db import WorkDB, use_db
    from cosmic_ray.work_item import WorkerOutcome, WorkResult

    session = _session(copy, module, timeout)
    with use_db(str(session), WorkDB.Mode.open) as db:
        for item in list(db.pending_work_items):
            if _place(item) not in chosen:
                db.set_result(item.job_id, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))
    _run(copy, [*COSMIC_RAY, "exec", CONFIG, session.name])
    with use_db(str(session), WorkDB.Mode.open) as db:
        for item, result in db.completed_work_items:
            if result.worker_outcome != "skipped":
                yield _mutant(module, item.mutations[0], result)


def _session(copy: Path, module: str, timeout: float = 0.0) -> Path:
    """A new session of Cosmic Ray, with every mutant of the module pending."""
    command = " ".join(_pytest(copy, module))
    (copy / CONFIG).write_text(
        f'[cosmic-ray]\nmodule-path = "{module}"\ntimeout = {timeout}\nexcluded-modules = []\n'
        f'test-command = "{command}"\n'
        '[cosmic-ray.distributor]\nname = "local"\n'
    )
    session = copy / "session.sqlite"
    session.unlink(missing_ok=True)
    _run(copy, [*COSMIC_RAY, "init", CONFIG, session.name])
    return session


def _place(item: Any) -> Place:
    mutation = item.mutations[0]
    return tuple(mutation.start_pos), mutation.operator_name, mutation.occurrence


def _mutant(module: str, mutation: Any, result: Any) -> Mutant:
    lines = (result.diff or "").splitlines()
    was, became = (
        " ".join(line[1:].strip() for line in lines if line[:1] == sign and line[:3] != sign * 3)
        for sign in "-+"
    )
    outcome = str(result.test_outcome and result.test_outcome.value)
    if outcome == "killed" and result.output == "timeout":
        outcome = "timeout"
    return Mutant(
        module=module,
        line=mutation.start_pos[0],
        operator=mutation.operator_name.removeprefix("core/"),
        was=was,
        became=became,
        outcome=outcome,
    )


def _pytest(copy: Path, *modules: str) -> list[str]:
    named = dict.fromkeys(test for module in modules for test in TESTS[module])
    tests = [test for test in named if (copy / test).exists()]
    return [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]


def _run(copy: Path, command: Sequence[str]) -> None:
    # The tests run the copy, whatever is installed.
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environ["XDG_CACHE_HOME"] = str(copy / "cache")
    environ.pop("PYTHONSAFEPATH", None)
    run = subprocess.run(  # noqa: S603 - tools of our own choosing
        command, cwd=copy, env=environ, capture_output=True, text=True, check=False
    )
    if run.returncode:
        said = (run.stdout + run.stderr)[-2000:]
        raise SystemExit(f"{' '.join(command)}: expected to succeed without a mutant\n{said}")


def judged(mutants: Sequence[Mutant]) -> list[Mutant]:
    """The mutants, with those that are listed as equivalent called so."""
    listed = tomllib.loads(EQUIVALENTS.read_text(encoding="utf-8"))
    reasons = [excuse(m, listed) if m.outcome == "survived" else "" for m in mutants]
    return [
        replace(m, outcome="equivalent", reason=reason) if reason else m
        for m, reason in zip(mutants, reasons, strict=True)
    ]


def summary(mutants: Sequence[Mutant]) -> dict[str, dict[str, int]]:
    """How many mutants each module had, and what became of them."""
    rows: dict[str, dict[str, int]] = {}
    for m in mutants:
        row = rows.setdefault(m.module, {"mutants": 0, **dict.fromkeys(OUTCOMES, 0)})
        outcome = m.outcome if m.outcome in row else "killed"  # incompetent: it does not even load
        row["mutants"] += 1
        row[outcome] += 1
    return rows


def main() -> int:
    """Mutate, test, print what survived, and say whether that is too many."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", nargs="*", default=["backprop"], help="a package, or its files")
    parser.add_argument("--sample", type=int, help="this many of all the mutants, at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    modules = [m for m in TESTS if any(m == w or m.split("/")[0] == w for w in options.what)]
    if not modules:
        parser.error(f"what: expected backprop, checks or one of {', '.join(TESTS)}")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        copies = [_copy(Path(folder) / str(job)) for job in range(options.jobs)]
        found: list[Mutant] = []
        drawn = _drawn(copies[0], modules, options.sample, options.seed)
        timeout = _patience(copies[0], list(drawn))
        for module, chosen in drawn.items():
            found += judged(_on_all(copies, module, chosen, timeout))
            print(
                module, summary(found)[module], f"{time.perf_counter() - started:.0f} s", flush=True
            )
            for m in found:
                if m.module == module and m.outcome == "survived":
                    print(
                        f"  line {m.line}, {m.operator}\n    - {m.was}\n    + {m.became}",
                        flush=True,
                    )
            if options.json:
                _write(options.json, found, options.sample)
    return _verdict(found)


def _copy(to: Path) -> Path:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, to / name, ignore=shutil.ignore_patterns("__pycache__", "mnist")
            )
        else:
            shutil.copy(source, to / name)
    return to


def _drawn(
    copy: Path, modules: Sequence[str], size: int | None, seed: int
) -> dict[str, list[Place]]:
    """Which mutants of each module are tested: all of them, or a sample of them taken together."""
    pool = [(module, place) for module in modules for place in places(copy, module)]
    if size is not None:
        chosen = random.Random(seed)  # noqa: S311 - which mutants make up a sample is no secret
        pool = chosen.sample(pool, min(size, len(pool)))
    drawn: dict[str, list[Place]] = {module: [] for module in modules}
    for module, place in pool:
        drawn[module].append(place)
    return {module: found for module, found in drawn.items() if found}


def _patience(copy: Path, modules: Sequence[str]) -> float:
    """Seconds that a mutant may take; without one, the tests must pass."""
    started = time.perf_counter()
    _run(copy, _pytest(copy, *modules))
    return 30 + PATIENCE * (time.perf_counter() - started)


def _on_all(
    copies: list[Path], module: str, chosen: Sequence[Place], timeout: float
) -> list[Mutant]:
    """A module's mutants, shared out among the copies."""

    def share(k: int) -> list[Mutant]:
        return list(mutate(copies[k], module, set(chosen[k :: len(copies)]), timeout))

    with ThreadPoolExecutor(len(copies)) as pool:
        found = [mutant for part in pool.map(share, range(len(copies))) for mutant in part]
    return sorted(found, key=lambda m: (m.line, m.operator))


def _write(path: Path, mutants: Sequence[Mutant], sample: int | None) -> None:
    alive = [asdict(m) for m in mutants if m.outcome != "killed"]
    content = {"modules": summary(mutants), "sample": sample, "not killed": alive}
    path.write_text(json.dumps(content, indent=2) + "\n")


def _verdict(mutants: Sequence[Mutant]) -> int:
    failed = 0
    for package, least in LEAST.items():
        rows = [row for module, row in summary(mutants).items() if module.startswith(package)]
        counted = sum(row["mutants"] - row["equivalent"] for row in rows)
        if counted:
            share = sum(row["killed"] + row["timeout"] for row in rows) / counted
            print(
                f"{package}: {share:.1%} of {counted:,} mutants killed, at least {least:.0%} asked"
            )
            failed |= share < least
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
