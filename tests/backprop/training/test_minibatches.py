from typing import Any

import numpy as np
import pytest

from backprop.training import minibatches
from backprop.training.minibatches import Batches

IMAGES = np.arange(30, dtype=np.uint8).reshape(10, 3)
TARGETS = np.eye(10, 2)


def batches(x: Any, order: Any) -> list[tuple[Any, Any]]:
    """Copies of every minibatch of at most four."""
    return [(a.copy(), y.copy()) for a, y in Batches(x, TARGETS, batch=4).of(np.asarray(order))]


@pytest.mark.parametrize("ahead", [1, 4, 7, 8, 400])
def test_every_sample_comes_once_however_many_are_gathered(
    monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """In minibatches of the same size, the last aside; and no more are gathered than asked for."""
    monkeypatch.setattr(minibatches, "AHEAD", ahead)
    order = [9, 0, 5, 2, 7, 1, 3, 8, 4, 6]
    found = batches(IMAGES, order)
    assert [len(x) for x, _ in found] == [4, 4, 2]
    assert np.array_equal(np.concatenate([x for x, _ in found]), IMAGES[order])
    assert np.array_equal(np.concatenate([y for _, y in found]), TARGETS[order])
    whole = Batches(IMAGES, TARGETS, batch=4)
    assert len(whole.inputs) == min(10, max(4, ahead // 4 * 4))


def test_samples_stay_as_they_are_until_a_step_needs_them() -> None:
    """Bytes stay bytes, and fewer than are gathered at a time are no more than they are."""
    ((few, y),) = batches(IMAGES, [3, 3, 8])
    assert few.dtype == np.uint8
    assert np.array_equal(few, IMAGES[[3, 3, 8]])
    assert np.array_equal(y, TARGETS[[3, 3, 8]])
