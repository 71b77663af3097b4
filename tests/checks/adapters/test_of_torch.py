"""Modules and functions of torch: right ones pass, wrong ones are caught, and nothing changes."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks import adapters, assert_gradients, check_gradients
from checks.verdict.report import Report

torch: Any = pytest.importorskip("torch")
F = torch.nn.functional


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def network(*extra: Any) -> Any:
    """Two layers of float32, with what else there is between them."""
    parts = (torch.nn.Linear(3, 4), *extra, torch.nn.Tanh(), torch.nn.Linear(4, 2))
    return torch.nn.Sequential(*parts)


def batch() -> tuple[Any, Any]:
    """Five samples and their targets."""
    return torch.randn(5, 3), torch.randn(5, 2)


def stack_of_one(params: Any) -> Any:
    """The parameters with an axis before the others."""
    return {name: v[None] for name, v in params.items()}


def report_on(function: Any, inputs: Any = (), **given: Any) -> Report:
    """What the check says of it."""
    return check_gradients(adapters.torch(function, inputs, **given))


class Softplus(torch.autograd.Function):  # type: ignore[misc]
    """log(1 + exp(x)), with a factor of the derivative that should be 1."""

    @staticmethod
    def forward(ctx: Any, x: Any, factor: float) -> Any:
        """Keep what backward needs."""
        ctx.save_for_backward(x)
        ctx.factor = factor
        return torch.log1p(torch.exp(x))

    @staticmethod
    def backward(ctx: Any, upstream: Any) -> Any:
        """The derivative, by the chain rule."""
        (x,) = ctx.saved_tensors
        return ctx.factor * upstream * torch.sigmoid(x), None


# --- what is checked --------------------------------------------------------------------------


def test_a_float32_module_is_checked_in_float64_by_its_parameters_names() -> None:
    """With its loss, many perturbations in one call."""
    x, y = batch()
    problem = adapters.torch(network(), x, loss=F.mse_loss, target=y)
    assert problem.batched
    report = check_gradients(problem)
    assert report.verdict == "pass", str(report)
    assert [t.name for t in report.tensors] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert {v.dtype for v in problem.params.values()} == {np.dtype(np.float64)}
    one = replace(problem, batched=False, cost=lambda p: problem.cost(stack_of_one(p))[0])
    assert report.calls["cost"] < check_gradients(one).calls["cost"] / 3


def test_a_wrong_factor_in_a_function_is_caught_to_a_millionth() -> None:
    """And the same function passes without it."""
    assert report_on(Softplus, (torch.randn(6), 1.0)).verdict == "pass"
    report = report_on(Softplus, (torch.randn(6), 1 + 3e-6))
    assert (report.verdict, report.failed) == ("fail", 6)
    assert [t.name for t in report.tensors] == ["x"]


def test_a_wrong_function_inside_of_a_module_is_caught() -> None:
    """In the layers before it, not in those after."""

    class Layer(torch.nn.Module):  # type: ignore[misc]
        def forward(self, z: Any) -> Any:
            return Softplus.apply(z, -1.0)

    x, y = batch()
    report = report_on(network(Layer()), x, loss=F.mse_loss, target=y)
    assert {t.name: t.failed for t in report.tensors} == {
        "0.weight": 12, "0.bias": 4, "3.weight": 0, "3.bias": 0,
    }  # fmt: skip
    assert report.diagnosis is not None
    assert report.diagnosis.code == "sign-flipped"


def test_what_is_detached_on_the_way_has_no_gradient() -> None:
    """Which the check says, and torch does not."""
    report = report_on(lambda x: x.detach().exp(), torch.randn(3))
    assert report.diagnosis is not None
    assert (report.verdict, report.diagnosis.code) == ("fail", "gradient-missing")


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (lambda: (torch.ones(2), torch.ones(2)), ["first", "second"]),
        (lambda: (torch.ones(2), torch.ones(2, requires_grad=True)), ["second"]),
        (lambda: {"second": torch.ones(2), "first": 3.0}, ["second"]),
    ],
)
def test_inputs_are_checked_that_require_a_gradient_or_else_all(inputs: Any, names: Any) -> None:
    """By the names of the function's arguments."""
    report = report_on(lambda first, second: first * second.sin(), inputs())
    assert report.verdict == "pass"
    assert [t.name for t in report.tensors] == names


def test_frozen_parameters_are_constants() -> None:
    """And an input of a module is checked, too, if it asks for a gradient."""
    net = network()
    net[0].requires_grad_(requires_grad=False)
    x, _ = batch()
    names = [t.name for t in report_on(net, x.requires_grad_()).tensors]
    assert names == ["2.weight", "2.bias", "input"]


def test_several_outputs_all_count() -> None:
    """A sum with random weights; whole numbers among them do not."""

    def outputs(x: Any, factor: float) -> Any:
        return {"a": x.sin(), "b": [Softplus.apply(x, factor), x.argmax()]}

    assert report_on(outputs, (torch.randn(4), 1.0)).verdict == "pass"
    assert report_on(outputs, (torch.randn(4), 1.01)).failed == 4


# --- how it is run ----------------------------------------------------------------------------


def test_an_operation_without_complex_numbers_is_checked_by_real_differences() -> None:
    """By itself; the report says why."""
    for function in (F.relu, lambda x: x.abs().sqrt(), lambda x: x * x.conj()):
        report = report_on(function, torch.randn(5) + 3)
        assert report.verdict == "pass", str(report)
        assert any("does not take complex" in note for note in report.notes)
    assert report_on(torch.sin, torch.randn(5)).notes == ()


def test_where_vmap_does_not_take_it_each_is_run_alone() -> None:
    """As for a function with a condition on values, or a Function that says nothing of vmap."""
    with_condition = adapters.torch(lambda x: x.sin() if x.sum() > 0 else x, torch.ones(3))
    assert not with_condition.batched
    assert check_gradients(with_condition).verdict == "pass"
    assert not adapters.torch(Softplus, (torch.ones(3), 1.0)).batched


def test_dropout_has_the_same_mask_at_every_call() -> None:
    """So the gradient can be checked, and the user's random numbers go on as before."""
    x, y = torch.randn(1, 10), torch.randn(1, 2)
    net = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(10, 2))
    before = torch.get_rng_state()
    problem = adapters.torch(net, x, loss=F.mse_loss, target=y)
    report = check_gradients(problem)
    assert problem.batched
    assert report.verdict == "pass", str(report)
    assert torch.equal(torch.get_rng_state(), before)
    assert 0 < report.zero < 20  # behind what was dropped


def test_batch_normalisation_in_training_mode_keeps_nothing_between_calls() -> None:
    """And in the mode of evaluation it takes what it has kept."""
    x, y = batch()
    for mode in (True, False):
        net = network(torch.nn.BatchNorm1d(4)).train(mode=mode)
        report = report_on(net, x, loss=lambda out, y: ((out - y) ** 2).mean(), target=y)
        assert report.verdict == "pass", str(report)
        assert int(net[1].num_batches_tracked) == 0


def test_nothing_of_the_module_is_changed() -> None:
    """Neither its numbers nor its gradients, mode, precision or place in memory."""
    net = network(torch.nn.BatchNorm1d(4))
    x, y = batch()
    F.mse_loss(net(x), y).backward()
    state = copy.deepcopy(net.state_dict())
    held = {n: (p.grad.clone(), p.data_ptr()) for n, p in net.named_parameters()}
    report_on(net, x, loss=F.mse_loss, target=y)
    report_on(
        net, x, loss=F.mse_loss, target=y, step=lambda n, x, y: F.mse_loss(n(x), y).backward()
    )
    assert all(torch.equal(v, state[n]) for n, v in net.state_dict().items())
    for name, p in net.named_parameters():
        assert torch.equal(p.grad, held[name][0])
        assert p.data_ptr() == held[name][1]
    assert net.training
    assert torch.get_default_dtype() == torch.float32


def test_a_module_that_makes_tensors_of_its_own_is_run_in_float64_throughout() -> None:
    """As a recurrent one does, whose first state is `torch.zeros`."""

    class Recurrent(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(5, 2)

        def forward(self, x: Any) -> Any:
            h = torch.zeros(2)
            for row in x:
                h = torch.tanh(self.inner(torch.cat([row, h])))
            return h

    assert report_on(Recurrent(), torch.randn(4, 3)).verdict == "pass"


def test_without_a_twin_it_is_checked_in_float32() -> None:
    """As coarsely as that has to be, but a sign is seen."""
    right = adapters.torch(Softplus, (torch.randn(6), 1.0), double=False)
    assert right.params["x"].dtype == np.float32
    assert check_gradients(right).verdict != "fail"
    wrong = adapters.torch(Softplus, (torch.randn(6), -1.0), double=False)
    assert check_gradients(wrong).verdict == "fail"


# --- a training step's own gradient -----------------------------------------------------------


def test_a_forgotten_zero_grad_is_called_an_accumulation() -> None:
    """And with it, or with gradients set to None, the step passes."""
    x, y = batch()

    def forgetful(net: Any, x: Any, y: Any) -> None:
        F.mse_loss(net(x), y).backward()

    def careful(net: Any, x: Any, y: Any) -> None:
        net.zero_grad()
        forgetful(net, x, y)

    given = {"inputs": x, "loss": F.mse_loss, "target": y}
    report = report_on(network(), **given, step=careful)
    assert report.verdict == "pass", str(report)
    report = report_on(network(), **given, step=forgetful)
    assert report.diagnosis is not None
    assert (report.verdict, report.diagnosis.code) == ("fail", "accumulates")


def test_a_forgotten_zero_grad_is_seen_in_functions_of_their_own() -> None:
    """Without the adapter, too: with gradients that are views of `.grad`."""
    x, y = batch()
    net = network().double()

    def load(params: Any) -> None:
        with torch.no_grad():
            for name, p in net.named_parameters():
                p.copy_(torch.from_numpy(np.array(params[name])))

    def cost(params: Any) -> float:
        load({name: np.real(v) for name, v in params.items()})
        return float(F.mse_loss(net(x.double()), y.double()).detach())

    def gradients(params: Any) -> Any:
        load(params)
        F.mse_loss(net(x.double()), y.double()).backward()
        return {name: p.grad.numpy() for name, p in net.named_parameters()}

    params = {name: p.detach().numpy().copy() for name, p in net.named_parameters()}
    report = check_gradients(cost, gradients, params)
    assert report.diagnosis is not None
    assert (report.verdict, report.diagnosis.code) == ("fail", "accumulates")


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"function": 3}, TypeError, "function: expected a function, got 3"),
        ({"inputs": np.ones(2)}, TypeError, "inputs: expected a tensor.*torch.as_tensor"),
        ({"inputs": torch.ones(2).int()}, ValueError, "inputs: expected a tensor of floating"),
        ({"loss": 3}, TypeError, "loss: expected a function, got 3"),
        ({"step": print}, TypeError, "step: expected a module beside it"),
        ({"double": 1}, TypeError, "double: expected True or False, got 1"),
        ({"function": lambda x: x.sum().item()}, TypeError, "got float; return the tensor itself"),
        ({"function": lambda x: x + 1j}, TypeError, "expected real outputs, got complex"),
    ],
)
def test_errors_name_the_argument(given: Any, error: Any, words: str) -> None:
    """What was expected, what came, what to do."""
    with pytest.raises(error, match=words):
        adapters.torch(**{"function": torch.sin, "inputs": torch.ones(2), **given})


def test_an_error_of_a_float32_tensor_beside_the_twin_says_what_to_do() -> None:
    """Torch's own words, and a note on what else could be converted."""
    other = torch.ones(3, 3)
    with pytest.raises(RuntimeError) as found:
        adapters.torch(lambda x: x @ other, torch.ones(2, 3))
    assert "pass what else it reads as inputs or target" in found.value.__notes__[0]


def test_the_assertion_takes_it_and_raises() -> None:
    """What reads like a report."""
    with pytest.raises(AssertionError, match="the sign is flipped"):
        assert_gradients(adapters.torch(Softplus, (torch.randn(6), -1.0)))
