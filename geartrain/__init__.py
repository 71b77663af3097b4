"""geartrain: all that `checks` and `backprop` offer, by one import.

    import geartrain

    report = geartrain.check_gradients(cost, gradients, params)
    net = geartrain.init_net((784, 40, 10))

Everything is loaded when it is first asked for: importing this package loads nothing. Where another
`checks` or `backprop` is found before ours, whatever is asked for says so.
"""

from __future__ import annotations

TYPE_CHECKING = False  # a type checker takes it for true; `typing` takes time to load

if TYPE_CHECKING:
    from typing import Any

    from backprop import (
        Dataset,
        Network,
        backward,
        cost,
        forward,
        gradients,
        init_net,
        load,
        optimize,
        train,
        zero_grad,
    )
    from checks import (
        Certificate,
        GradientError,
        GradientProblem,
        Report,
        SearchResult,
        adapters,
        assert_gradients,
        attributes,
        check_gradients,
        check_hessian,
        check_jacobian,
        check_jvp,
        check_vjp,
        compare,
        search,
        value_and_grad,
        verify,
    )

__all__ = [
    "Certificate",
    "Dataset",
    "GradientError",
    "GradientProblem",
    "Network",
    "Report",
    "SearchResult",
    "adapters",
    "assert_gradients",
    "attributes",
    "backward",
    "check_gradients",
    "check_hessian",
    "check_jacobian",
    "check_jvp",
    "check_vjp",
    "compare",
    "cost",
    "forward",
    "gradients",
    "init_net",
    "load",
    "optimize",
    "search",
    "train",
    "value_and_grad",
    "verify",
    "zero_grad",
]


if not TYPE_CHECKING:  # with it, any name would do

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from geartrain.siblings import hidden, packages

        if problem := hidden():
            raise ImportError(problem)  # here: a traceback should show no more of ours than this
        # Not kept, as in `backprop`: what is replaced in its module is replaced here as well.
        return next(getattr(package, name) for package in packages() if name in package.__all__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
