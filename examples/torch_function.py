"""A dense layer as a `torch.autograd.Function`, with its backward pass written by hand.

    python examples/torch_function.py    # the right one passes, the other one fails
    gradcheck examples/torch_function.py:right examples/torch_function.py:averaging

The mistake is to average over the batch what has to be summed. The loss averages already, and the
network would learn all the same, its biases too slowly.
"""

import torch

from geartrain import adapters, check_gradients


class Dense(torch.autograd.Function):
    """tanh(x W + b), (batch, n_out)."""

    @staticmethod
    def forward(ctx, x, W, b):
        a = torch.tanh(x @ W + b)
        ctx.save_for_backward(x, W, a)
        return a

    @staticmethod
    def backward(ctx, upstream):
        x, W, a = ctx.saved_tensors
        delta = upstream * (1 - a**2)
        return delta @ W.T, x.T @ delta, delta.sum(dim=0)


class Averaging(Dense):
    """The same with the mean over the batch in the place of the sum."""

    @staticmethod
    def backward(ctx, upstream):
        dx, dW, db = Dense.backward(ctx, upstream)
        return dx, dW, db / len(dx)


torch.manual_seed(0)
inputs = (torch.randn(8, 3), torch.randn(3, 4), torch.randn(4))
right, averaging = adapters.torch(Dense, inputs), adapters.torch(Averaging, inputs)

if __name__ == "__main__":
    for problem in (right, averaging):
        print(check_gradients(problem), end="\n\n")
