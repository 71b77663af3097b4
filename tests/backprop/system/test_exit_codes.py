from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np
import pytest

from backprop import passes
from backprop.network import init_net, optimize, zero_grad
from backprop.system import exit_codes
from checks.network.adapter import network_problem
from checks.problem.problem import black_box, call_user_function

X = np.asarray([1.0, 2.0])


def raised(action: Callable[..., Any], *given: Any) -> BaseException:
    """What the action raises."""
    with pytest.raises(BaseException) as caught:
        action(*given)
    return caught.value


def raising(error: BaseException) -> Callable[..., Any]:
    """A function of the user's that raises it."""

    def function(*_: Any) -> Any:
        raise error

    return function


def theirs(error: BaseException) -> BaseException:
    """The error as it comes out of a check of the user's cost."""
    subject = black_box(raising(error), np.ones_like, X)
    return raised(subject.cost, subject.values)


def test_every_end_has_a_code_of_its_own() -> None:
    """1 is said of a wrong gradient alone."""
    every = [end for end in vars(exit_codes).values() if isinstance(end, exit_codes.End)]
    assert len({end.code for end in every}) == len({end.name for end in every}) == len(every) == 11
    assert [end.name for end in every if end.code == 1] == ["fail"]


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("no"),
        RecursionError("deep"),
        SystemExit(0),
        ImportError("torch"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "none.csv"),
        AssertionError("shapes"),
    ],
)
def test_what_the_code_under_check_raises_is_its_own(error: BaseException) -> None:
    """And the same from our own code is not: there is no call of theirs on the way."""
    found = theirs(error)
    assert (exit_codes.of(found), exit_codes.who(found)) == (exit_codes.CODE_RAISED, "the cost")
    assert "test_exit_codes.py, line " in exit_codes.described(found)
    assert exit_codes.of(raised(raising(error.with_traceback(None)))) is not exit_codes.CODE_RAISED


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate"),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("disk full"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        BrokenProcessPool("a worker died"),
    ],
)
def test_the_machines_errors_are_its_own_wherever_they_are_raised(error: BaseException) -> None:
    """In the user's code as in ours."""
    for found in (theirs(error), raised(raising(error))):
        assert exit_codes.of(found) is exit_codes.MACHINE
        assert "nothing was judged" in exit_codes.sentence(found)


def test_a_function_that_cannot_even_be_called_is_theirs() -> None:
    """The traceback ends at the call; compiled functions leave no frame either."""
    for function in (lambda: 0.0, np.linalg.inv, int):
        subject = black_box(function, np.ones_like, X)
        assert exit_codes.of(raised(subject.cost, subject.values)) is exit_codes.CODE_RAISED


def test_a_slip_of_ours_beneath_a_call_of_theirs_is_ours() -> None:
    """As in what wraps their functions."""
    space = {"__name__": "checks.somewhere"}
    exec("def slip(): return {}['nothing']", space)  # noqa: S102 a module of ours
    assert exit_codes.of(raised(call_user_function, "the cost", space["slip"])) is exit_codes.FAULT


def test_their_code_may_use_ours() -> None:
    """What it gets wrong with it is theirs, and so is the place that is told."""
    subject = black_box(lambda x: black_box(3, None, x), np.ones_like, X)  # type: ignore[arg-type]
    found = raised(subject.cost, subject.values)
    assert exit_codes.of(found) is exit_codes.CODE_RAISED
    assert "test_exit_codes.py, line " in exit_codes.described(found)


def test_a_networks_code_is_under_check_but_not_what_refuses_arguments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A student's `backward`, however it is reached; and a wrong argument is the caller's."""
    net = init_net((3, 2), seed=0)
    x, y = np.ones((1, 3)), np.ones((1, 2))
    subject = network_problem(net, x, y)
    monkeypatch.setattr(passes, "backward", raising(ValueError("shapes")))
    found = raised(subject.gradient, subject.values)
    assert (exit_codes.of(found), exit_codes.who(found)) == (
        exit_codes.CODE_RAISED,
        "the network's code",
    )
    assert not exit_codes.is_theirs(raised(passes.cost, net, np.ones((1, 4)), y))
    assert not exit_codes.is_theirs(raised(optimize, net, -1.0))
    assert not exit_codes.is_theirs(raised(zero_grad, "no network"))
    net.biases[0] = np.zeros(7)
    assert not exit_codes.is_theirs(raised(passes.forward, net, np.ones((1, 3))))


def test_a_fault_says_so_and_asks_for_a_report() -> None:
    """With the error and its place."""
    said = exit_codes.sentence(raised(raising(KeyError("slip"))))
    assert said.startswith(f"KeyError: 'slip' ({__file__}, line ")
    assert "a fault of geartrain itself" in said
    assert "please report it" in said
