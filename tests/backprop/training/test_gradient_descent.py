import numpy as np

import backprop
from backprop import init_net, network, passes
from backprop.training import evaluation, gradient_descent, samples
from backprop.training.fingerprint import fingerprint
from backprop.training.samples import Samples
from tests.backprop.training.test_epochs import Pass, X, bits, small


def test_an_epoch_is_minibatches_of_forward_backward_and_a_step() -> None:
    """Each sample once, in the order of seed and epoch; the last minibatch may be smaller."""
    net, (x, y, *_) = small()
    by_hand = init_net((3, 4, 2))
    order = samples.epoch_order(40, 5, 0)
    assert sorted(order) == list(range(40))
    for first in range(0, 40, 9):
        rows = order[first : first + 9]
        network.zero_grad(by_hand)
        passes.backward(by_hand, passes.forward(by_hand, x[rows]), y[rows])
        network.optimize(by_hand, 2.0)
    sizes: list[int] = []
    permit = Pass(fingerprint(net))
    backprop.train(
        net,
        (x, y),
        permit=permit,
        epochs=1,
        batch_size=9,
        learning_rate=2.0,
        seed=5,
        on_batch=sizes.append,
    )
    assert sizes == [9, 9, 9, 9, 4]
    for trained, expected in zip(
        net.weights + net.biases, by_hand.weights + by_hand.biases, strict=True
    ):
        np.testing.assert_allclose(trained, expected, rtol=1e-12)


def test_what_numpy_is_set_to_raise_does_not_matter() -> None:
    """A step, and the square of a gap to a target, that are too small for a float are zero."""
    net, samples = init_net((1, 1), activation="identity"), Samples(x=X[:1, :1] + 1, y=X[:1, :1])
    net.weights[0][:], net.biases[0][:] = 1e-200, 0
    before = bits(net)
    with np.errstate(all="raise"):
        gradient_descent.descend(net, samples, np.arange(1), batch_size=1, learning_rate=1e-200)
        scores = evaluation.evaluate(net, samples)
    assert bits(net) == before
    assert scores.cost == 0
