"""Measuring side by side: turns taken in one process, medians, and what the machine is."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

# Before NumPy and its kin are loaded: they read these once.
for _name in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
):
    os.environ[_name] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

PACKAGES = ("numpy", "scipy", "torch", "jax", "jaxlib", "autograd", "scikit-learn", "geartrain")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds of every turn; `factor` scales a part that was measured up to the whole."""

    turns: tuple[float, ...]
    factor: float = 1.0

    @property
    def median(self) -> float:
        """The median, of the whole."""
        return self.factor * median(self.turns)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        scaled = [self.factor * turn for turn in self.turns]
        return {
            "median": self.median,
            "least": min(scaled),
            "most": max(scaled),
            "turns": len(scaled),
            "extrapolated": self.factor != 1.0,
        }


def one_core() -> None:
    """Keep this process, and any it starts from now on, on one core, where the system lets it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def side_by_side(
    contestants: Mapping[str, Callable[[], Any]],
    *,
    turns: int,
    factors: Mapping[str, float] | None = None,
    budget: float = 60.0,
) -> dict[str, Timing]:
    """Let all take turns, `turns` times over, after a warm-up that does not count.

    Whoever has used up `budget` seconds sits out the rest; a turn longer than a tenth of it needs
    no warm-up beyond the first turn, which is then counted.
    """
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(turns + 1):
        for name, run in contestants.items():
            if sum(found[name]) > budget:
                continue
            started = time.perf_counter()
            run()
            seconds = time.perf_counter() - started
            if turn or seconds > budget / 10:
                found[name].append(seconds)
    factors = factors or {}
    return {
        name: Timing(turns=tuple(taken), factor=factors.get(name, 1.0))
        for name, taken in found.items()
    }


def about() -> dict[str, Any]:
    """The machine and the versions."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def processor() -> str:
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def peak_memory() -> int:
    """Bytes that this process has held at most; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():
        # `getrusage` would count what the parent held when it started this process.
        lines = status.read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def span(seconds: float) -> str:
    """Seconds for people: "4.7 s", "130 ms", "85 µs"."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size or unit == "µs":
            value = seconds / size
            return f"{value:.0f} {unit}" if value >= 99.5 else f"{value:.2g} {unit}"
    raise AssertionError


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns, the first to the left and the others to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same in Markdown."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def write_tables(path: Path, tables: Mapping[str, str]) -> None:
    """Put each table between the marks `<!-- name:begin -->` and `<!-- name:end -->` of a file."""
    text, written = path.read_text(encoding="utf-8"), 0
    for name, table in tables.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        if text.count(begin) == text.count(end) == 1:
            before, rest = text.split(begin)
            text = f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"
            written += 1
    if not written:
        raise SystemExit(
            f"{path}: expected lines <!-- NAME:begin --> and <!-- NAME:end -->, with NAME one of"
            f" {', '.join(tables)}, found none; put them where the table is to stand"
        )
    path.write_text(text, encoding="utf-8")
