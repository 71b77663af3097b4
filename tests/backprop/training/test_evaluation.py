import numpy as np
import pytest

from backprop import init_net, passes
from backprop.training import evaluation
from backprop.training.samples import Samples


def test_evaluate_adds_up_over_chunks() -> None:
    """More samples than fit in a chunk are weighed alike."""
    net = init_net((2, 3), cost="softmax-cross-entropy")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2345, 2)), rng.integers(0, 3, 2345)
    scores = evaluation.evaluate(net, Samples(x=x, y=y))
    assert scores.cost == pytest.approx(passes.cost(net, x, y), rel=1e-12)
    assert scores.predicted.shape == scores.expected.shape == (2345,)
    assert np.array_equal(scores.expected, y)
