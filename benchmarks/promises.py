"""The campaign's promises: which count shows each, and the table of what was found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

HEAD = ("promise", "count", "of", "rate", "goal", "kept")


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What is promised, which count shows it, of how many, and the share it must have."""

    title: str
    count: str
    of: str
    least: float = 0.0
    most: float = 1.0

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.least == 1:
            return "all"
        if self.most == 0:
            return "none"
        if self.most == 1:
            return f"at least {self.least:.0%}" if self.least else "counted"
        return f"at most {self.most:.1%}"


# Titles, counts and totals; the goal is none of them, or as said.
PROMISES = tuple(
    Promise(title=title, count=count, of=of, **goal)
    for title, count, of, goal in (
        ("clean networks accused", "networks accused", "networks", {"most": 0}),
        ("their coordinates failed", "coordinates failed", "coordinates compared", {"most": 0}),
        ("undecided at scales up to 5", "scale at most 5, undecided",
         "scale at most 5, coordinates", {"most": 1e-3}),
        ("decided more bluntly there", "scale at most 5, blunt",
         "scale at most 5, coordinates", {}),
        ("one sharp coordinate off by 1e-6, named", "planted, named", "planted", {"least": 1}),
        ("the same at 784-40-10", "784-40-10, named", "784-40-10", {"least": 1}),
        ("verdict kept, loss times 1e-12 to 1e12", "scaled, same verdict", "scaled",
         {"least": 1}),
        ("known bugs caught", "faults caught", "faults", {"least": 1}),
        ("known bugs located", "faults located", "faults", {"least": 0.95}),
        ("known bugs diagnosed", "faults diagnosed", "faults", {"least": 0.95}),
        ("made-up differences caught", "made up, caught", "made up", {"least": 1}),
        ("made-up differences called no bug", "made up, unknown", "made up", {"least": 0.95}),
        ("wrong gradients passed by a broken oracle", "broken oracles, wrong passed",
         "broken oracles, wrong", {"most": 0}),
        ("right gradients failed by it", "broken oracles, right failed",
         "broken oracles, right", {"most": 0}),
        ("broken oracles told of", "broken oracles, told", "broken oracles", {"least": 1}),
        ("wrong gradients passed by a sly oracle", "sly oracles, wrong passed",
         "sly oracles, wrong", {"most": 0}),
        ("right gradients failed by it", "sly oracles, right failed", "sly oracles, right",
         {"most": 0}),
        ("offenders against hygiene told", "offenders told", "offenders", {"least": 1}),
        ("costs of low precision accused", "low precision, accused", "low precision", {"most": 0}),
        ("undecided without a reason", "low precision, undecided without a reason",
         "low precision", {"most": 0}),
        ("their largest entry's sign flipped, passed", "low precision, wrong passed",
         "low precision", {"most": 0}),
        ("clean black boxes accused", "clean boxes accused", "clean boxes", {"most": 0}),
        ("kinks and staircases accused", "rough, accused", "rough", {"most": 0}),
        ("an L1 or hinge term forgotten, caught", "rough, terms forgotten, caught",
         "rough, terms forgotten", {"least": 1}),
        ("wrong on kinks and staircases, passed", "rough, wrong passed", "rough, wrong",
         {"most": 0}),
        ("course networks accused", "course, accused", "course", {"most": 0}),
        ("course networks passed, complex-capable", "course, complex, right: pass",
         "course, complex", {"least": 0.99}),
        ("course networks passed, real only", "course, real only, right: pass",
         "course, real only", {"least": 0.9}),
        ("course networks, one entry off by 1e-2, caught", "course, planted 1e-2, caught",
         "course, planted 1e-2", {"least": 1}),
        ("course networks, one sign flipped, caught", "course, planted sign, caught",
         "course, planted sign", {"least": 1}),
        ("course networks, one entry off by 1e-5, caught", "course, planted 1e-5, caught",
         "course, planted 1e-5", {"least": 1}),
        ("functions of other libraries accused", "library, accused", "library", {"most": 0}),
        ("functions of other libraries undecided", "library, undecided", "library",
         {"most": 0.01}),
        ("functions of other libraries, spoilt, passed", "library, spoilt, passed",
         "library, spoilt", {"most": 0}),
        ("clean networks accused by the probe", "probed, accused", "probed", {"most": 0}),
        ("swept clean, passed by the probe", "probed, swept clean, passed",
         "probed, swept clean", {"least": 1}),
        ("one sharp coordinate off by 1e-6, named by the probe", "probe, culprits named",
         "probe, culprits", {"least": 1}),
        ("one coordinate zero, named by the probe", "probe, zeros named", "probe, zeros",
         {"least": 1}),
        ("parts that crashed", "crashed", "seeds run", {"most": 0}),
    )
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """One promise as it was found."""

    promise: str
    count: int
    of: int
    rate: float
    goal: str
    kept: bool


def rows(counts: Counter[str], networks: int) -> list[Row]:
    """All promises, and how many networks and coordinates they were tried on."""
    enough = (("random networks", "networks", networks),
              ("their coordinates", "coordinates compared", 100 * networks))  # fmt: skip
    found = [
        Row(promise=title, count=counts[key], of=goal, rate=counts[key] / goal,
            goal=f"{goal:,} or more", kept=counts[key] >= goal)
        for title, key, goal in enough
    ]  # fmt: skip
    for p in PROMISES:
        count, of = counts[p.count], counts[p.of]
        rate = count / of if of else 0.0
        kept = of > 0 and p.least <= rate <= p.most
        found.append(Row(promise=p.title, count=count, of=of, rate=rate, goal=p.goal, kept=kept))
    return found


def cells(row: Row) -> list[str]:
    """A row as text."""
    share = f"{row.rate:.4%}" if 0 < row.rate < 1e-3 else f"{row.rate:.1%}"
    if 0.999 <= row.rate < 1:
        share = f"{row.rate:.3%}"
    kept = "yes" if row.kept else "NO"
    return [row.promise, f"{row.count:,}", f"{row.of:,}", share, row.goal, kept]
