"""Train every combination of activations and cost at the rate chosen for it, and table accuracies.

For docs/rates.md: `python benchmarks/rates.py --data-dir MNIST --write docs/rates.md`, between the
marks `<!-- rates:begin -->` and `<!-- rates:end -->`. Without --data-dir, MNIST is downloaded. All
is as `backprop train` has it by default: 40 hidden units, minibatches of 20, float32, three epochs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import measure

from backprop import init_net, load
from backprop.activations import ACTIVATIONS
from backprop.costs import COSTS
from backprop.datasets.dataset import Dataset
from backprop.learning.rates import suitable_rate
from backprop.training import epochs
from backprop.training.samples import first_batch
from checks import verify

ASKED = 0.85
NAMES = [name for name, f in ACTIVATIONS.items() if not f.coupled]
# What a run says, in two words.
CAUSES = {
    "are dead": "dead units",
    "too high": "rate too high",
    "saturated": "saturated",
    "is low": "rate too low",
    "are few": "few steps",
    "more --epochs": "slow",
}
HEAD = ("activations", "cost", "rate", "MNIST", "says", "digits", "says")


def combinations() -> Iterator[tuple[tuple[str, str], str]]:
    """All that `init_net` allows for a network with one hidden layer."""
    for cost, of in COSTS.items():
        for output in NAMES if of.output is None else [of.output]:
            yield from (((hidden, output), cost) for hidden in NAMES)


def trained(data: Dataset, activation: tuple[str, str], cost: str, seed: int) -> tuple[float, str]:
    """The accuracy after three epochs, and what the run says after the first."""
    net = init_net(
        (data.features, 40, data.classes),
        activation=activation,
        cost=cost,
        dtype="float32",
        seed=seed,
    )
    permit = verify(net, *first_batch(net, data, seed=seed))
    history = epochs.train(net, data, permit=permit, seed=seed, audit=False)
    return history[-1].test_accuracy or 0.0, history[0].note or ""


def row(sets: list[Dataset], activation: tuple[str, str], cost: str, seed: int) -> list[str]:
    """A row of the table; what the run says is cut down to its first cause."""
    net = init_net((784, 40, 10), activation=activation, cost=cost)
    cells = [", ".join(activation), cost, f"{suitable_rate(net):g}"]
    for data in sets:
        accuracy, note = trained(data, activation, cost, seed)
        if accuracy < ASKED and not note:
            print(f"{data.name}, {cells}: {accuracy:.1%}, and nothing was said", file=sys.stderr)
        says = next((cause for word, cause in CAUSES.items() if word in note), note)
        cells += [f"{accuracy:.1%}", says]
    return cells


def main() -> int:
    """Train, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", help="the folder with MNIST's four files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, help="put the table between <!-- rates:begin/end -->")
    options = parser.parse_args()
    sets = [load("mnist", data_dir=options.data_dir), load("digits")]
    rows = []
    for activation, cost in combinations():
        rows.append(row(sets, activation, cost, options.seed))
        print(" | ".join(rows[-1]), flush=True)
    if options.write:
        measure.write_tables(options.write, {"rates": measure.markdown_table(HEAD, rows)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
