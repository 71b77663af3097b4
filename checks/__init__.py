"""checks: gradients proved by perturbing a parameter and rerunning the cost.

    report = check_gradients(cost, gradients, params)    # a Report: verdict, counts, diagnosis
    assert_gradients(cost, gradients, params)            # raises what reads like one
    check_gradients(value_and_grad(fun, x0))             # functions as SciPy and JAX have them
    check_gradients(attributes(net, ["W1"], cost=…, gradients=…))    # what an object keeps
    check_vjp(f, vjp, x), check_jvp(f, jvp, x)           # products with a Jacobian
    check_jacobian(fun, jac, x), check_hessian(grad, hess, x)        # the matrices themselves
    search(make)                                         # the smallest wrong case, found
    certificate = verify(net, x, y)                      # a network's gradient, proved

Everything is loaded when it is first asked for: importing this package loads nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # a type checker takes it for true; `typing` takes time to load

if TYPE_CHECKING:
    from typing import Any

    from checks import adapters
    from checks.api import GradientError, assert_gradients, check_gradients
    from checks.forms import GradientProblem, value_and_grad
    from checks.jacobian_products import check_jvp, check_vjp
    from checks.matrices import check_hessian, check_jacobian
    from checks.network.certification.certificate import Certificate
    from checks.network.certification.verification import verify
    from checks.object_attributes import attributes
    from checks.searching.result import SearchResult
    from checks.searching.search import search
    from checks.verdict.comparison import compare
    from checks.verdict.report import Report

__all__ = [
    "Certificate",
    "GradientError",
    "GradientProblem",
    "Report",
    "SearchResult",
    "adapters",
    "assert_gradients",
    "attributes",
    "check_gradients",
    "check_hessian",
    "check_jacobian",
    "check_jvp",
    "check_vjp",
    "compare",
    "search",
    "value_and_grad",
    "verify",
]

_HOME = {
    "Certificate": "checks.network.certification.certificate",
    "GradientError": "checks.api",
    "GradientProblem": "checks.forms",
    "Report": "checks.verdict.report",
    "SearchResult": "checks.searching.result",
    "assert_gradients": "checks.api",
    "attributes": "checks.object_attributes",
    "check_gradients": "checks.api",
    "check_hessian": "checks.matrices",
    "check_jacobian": "checks.matrices",
    "check_jvp": "checks.jacobian_products",
    "check_vjp": "checks.jacobian_products",
    "compare": "checks.verdict.comparison",
    "search": "checks.searching.search",
    "value_and_grad": "checks.forms",
    "verify": "checks.network.certification.verification",  # loads `backprop` as well
}


if not TYPE_CHECKING:  # with it, any name would do

    def __getattr__(name: str) -> Any:
        import importlib

        if name == "adapters":
            return importlib.import_module("checks.adapters")
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = found  # so that the next look-up finds it directly
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
