"""Network: our own network as a problem.

With the gate's rooms, all of `checks` that knows `backprop`.
"""
