from pathlib import Path
from typing import Any

import pytest

from backprop import activations, costs, init_net
from backprop.learning.rates import suitable_rate


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        ({}, 5.0),
        ({"cost": "cross-entropy"}, 1.0),
        ({"activation": "relu", "cost": "softmax-cross-entropy"}, 0.2),
        ({"activation": "tanh"}, 0.15),
        ({"activation": ("relu", "sigmoid")}, 0.7),
        ({"activation": ("sigmoid", "identity")}, 0.1),
    ],
)
def test_it_goes_by_activations_and_cost(options: dict[str, Any], rate: float) -> None:
    """Those of the hidden layer, and the output with its cost."""
    assert suitable_rate(init_net((8, 40, 3), **options)) == rate


def test_the_table_in_the_docs_has_the_rates_of_the_code() -> None:
    """A row for each combination with one hidden layer, and none at chance without a word."""
    text = (Path(__file__).parents[3] / "docs" / "rates.md").read_text(encoding="utf-8")
    table = text.partition("<!-- rates:begin -->\n")[2].partition("\n<!--")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]
    assert len(rows) == 35
    for names, cost, rate, *results in rows:
        net = init_net((8, 40, 3), activation=names.split(", "), cost=cost)
        assert float(rate) == suitable_rate(net), names
        for accuracy, says in (results[:2], results[2:]):
            assert says or float(accuracy.rstrip("%")) >= 85, names


def test_every_combination_has_one() -> None:
    """All that `init_net` allows, however deep, or without a hidden layer."""
    single = [name for name, f in activations.ACTIVATIONS.items() if not f.coupled]
    for cost in costs.COSTS:
        for name in single:
            for shape in ((4, 3), (4, 40, 3), (4, 40, 40, 40, 3)):
                assert 0 < suitable_rate(init_net(shape, activation=name, cost=cost)) <= 5


def test_the_most_delicate_layer_decides() -> None:
    """Of several hidden ones."""
    names = ["sigmoid", "identity", "tanh", "softmax"]
    net = init_net((4, 9, 9, 9, 3), activation=names, cost="softmax-cross-entropy")
    assert suitable_rate(net) == 0.1


def test_a_wide_layer_below_an_unbounded_output_takes_less() -> None:
    """Ten times the units turn such an output ten times as far; others are held by their ends."""
    for name, factor in (("identity", 0.1), ("sigmoid", 1.0)):
        usual, wide = (
            suitable_rate(init_net((4, n, 3), activation=("tanh", name))) for n in (40, 400)
        )
        assert wide == pytest.approx(usual * factor)


def test_an_activation_of_ones_own_is_taken_for_a_delicate_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is known of it."""
    monkeypatch.setitem(activations.ACTIVATIONS, "mine", activations.ACTIVATIONS["tanh"])
    assert suitable_rate(init_net((4, 3, 2), activation="mine")) == 0.01
