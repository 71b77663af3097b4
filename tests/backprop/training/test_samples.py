from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backprop
from backprop import init_net
from backprop.datasets import dataset, sources
from backprop.training import epochs, samples
from backprop.training.fingerprint import fingerprint
from tests.backprop.training.test_epochs import Pass, X, Y, bits, small


def test_a_dataset_is_scaled_by_its_peak() -> None:
    """Bytes become numbers in [0, 1] minibatch by minibatch, as if scaled beforehand."""
    data = sources.load("digits")
    net, other = (init_net((64, 5, 10), dtype=np.float32) for _ in "ab")
    permit = Pass(fingerprint(net))
    (epoch,) = backprop.train(net, data, permit=permit, epochs=1)
    x, x_test = (
        dataset.scale_pixels(i, 16, np.float32) for i in (data.train_images, data.test_images)
    )
    arrays = (x, data.train_labels, x_test, data.test_labels)
    (same,) = backprop.train(other, arrays, permit=permit, epochs=1)
    assert bits(net) == bits(other)
    assert replace(epoch, seconds=0) == replace(same, seconds=0)


def test_first_batch_is_what_training_begins_with() -> None:
    """The gate looks at the samples of the first step."""
    net, (x, y, *_) = small()
    found_x, found_y = samples.first_batch(net, (x, y), batch_size=6, seed=2)
    rows = samples.epoch_order(40, 2, 0)[:6]
    assert np.array_equal(found_x, x[rows])
    assert np.array_equal(found_y, y[rows])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X,), r"data: expected a Dataset, or arrays \(x, y\).*got tuple of length 1"),
        (7, "data: expected a Dataset.*got int"),
        ((X[:, :2], Y), r"x: expected shape \(batch, 3\).*got \(4, 2\)"),
        ((X, Y[:3]), "y: expected 4 labels.*got 3"),
        ((X, Y + 2), r"y: expected labels from 0 to 1.*got y\[0\] = 2"),
        ((X * np.nan, Y), "x: expected finite numbers, got nan"),
        ((X[:0], Y[:0]), "x: expected shape .* batch of 1 or more"),
        ((X, Y, X[:, :2], Y), r"x_test: expected shape \(batch, 3\).*got \(4, 2\)"),
        ((X, Y, X[0], Y), r"x_test: .*; a single sample is x_test\[None, :\]"),
        ((X, Y, X * np.nan, Y), r"x_test: expected finite numbers, got nan at x_test\[0, 0\]"),
        ((X, Y, X, Y[:1]), "y_test: expected 4 labels.*got 1"),
        ((X, Y, X, Y + 2), r"y_test: expected labels from 0 to 1.*got y_test\[0\] = 2"),
        ((X, Y, X, Y * 1.0), "y_test: expected targets of shape .* got shape .* of float64"),
        ((X, Y, X, X[:, :2] * np.nan), r"y_test: .*, got nan at y_test\[0, 0\]"),
    ],
)
def test_data_that_do_not_fit_are_named(data: Any, message: str) -> None:
    """The error says what was expected and what came, before anything is trained."""
    net = init_net((3, 4, 2))
    before = bits(net)
    with pytest.raises((ValueError, TypeError), match=message):
        epochs.train(net, data, permit=Pass(fingerprint(net)))
    assert bits(net) == before


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (63, 10),
            (
                "expected images of 63 pixels, the network's inputs, got 64 in the train images;"
                " take other images, or a network whose shape begins with 64"
            ),
        ),
        (
            (64, 9),
            (
                "expected labels from 0 to 8, one for each output, got 9 in the train labels;"
                " take other labels, or a network with more outputs"
            ),
        ),
    ],
)
def test_a_dataset_that_does_not_fit_is_named(shape: tuple[int, int], message: str) -> None:
    """Pixels are held against the inputs, labels against the outputs."""
    net = init_net(shape)
    with pytest.raises(ValueError, match=message):
        epochs.train(net, sources.load("digits"), permit=Pass(fingerprint(net)))
