"""Threads: small products run on one, instead of being shared among all cores.

BLAS's threads wait for one another by turning in a loop. Where products are small that takes
longer than the products themselves; and where other programs keep a core busy, a hundred times as
long. So whoever runs many of them one after the other does it in a block that is `suited` to them.
What comes out is then the same on any number of cores, too. That goes for Python's main thread.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from threading import current_thread, main_thread
from typing import Any

from backprop.network import Network

# Multiplications in the largest product from which on it is shared. Measured with OpenBLAS on two
# quiet cores: at 2^20 two threads take longer than one, at 2^22 as long, at 2^23 three quarters of
# the time, at 2^27 a little more than half.
WORTH_SHARING = 2**23


def suited(net: Network, batch: int) -> AbstractContextManager[Any]:
    """A `with` block for passes of a network over batches of so many samples.

    BLAS has one thread in it where all products are small; otherwise it is left as it is. So it is
    in any but the main thread: the number is the whole process's, and of several blocks side by
    side none would know what it had been.
    """
    largest = batch * max(W.size for W in net.weights)
    if largest >= WORTH_SHARING or current_thread() is not main_thread():
        return nullcontext()
    block: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return block


@cache
def kernels() -> tuple[str, ...]:
    """Which BLAS there is, of which version and for which processor, and NumPy's instructions.

    By them the same code rounds differently: they are chosen when a process begins.
    """
    import numpy as np

    told = ("internal_api", "version", "architecture")
    found = _controller().info()
    # SciPy brings one of its own, which is there or not by what was imported before.
    own = [each for each in found if "numpy" in str(each.get("filepath"))] or found
    blas = {" ".join(str(each.get(key)) for key in told) for each in own}
    simd: Any = np.show_config(mode="dicts")
    return (*sorted(blas), *simd.get("SIMD Extensions", {}).get("found", ()))


@cache
def _controller() -> Any:
    """What knows the BLAS libraries that NumPy and others have loaded."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
