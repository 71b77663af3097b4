"""backprop: a network written out by hand, from a shape and a seed to a gradient and a step.

    net = init_net((784, 40, 10))           # draw the parameters
    activations = forward(net, x)           # [x, a1, …, aL]
    backward(net, activations, y)           # add this batch's gradient to the accumulators
    optimize(net, learning_rate=5.0)        # apply what was accumulated
    zero_grad(net)                          # and empty them

`cost` and `gradients` serve those who check it, and `train` those who hold a permit for it.
"""

from backprop.network import Network, init_net, optimize, zero_grad
from backprop.passes import backward, cost, forward, gradients

__all__ = [
    "Network",
    "backward",
    "cost",
    "forward",
    "gradients",
    "init_net",
    "optimize",
    "zero_grad",
]
