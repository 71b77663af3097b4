"""The pytest plugin: what it checks, what a failure shows, and what is said at the end of a run."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from types import FunctionType
from xml.etree import ElementTree as ET

import pytest

import geartrain
from checks import api

# An installed copy is found by its entry point; a checkout is not.
PLUGIN = (
    [] if entry_points(group="pytest11", name="geartrain") else ["-p", "geartrain.pytest_plugin"]
)
ROOT = Path(__file__).parents[2]
OUR_FILES = ("pytest_check.py", "pytest_plugin.py", "api.py", "sweep.py", "problem.py", "run.py")

LAYER = """
import numpy as np
import pytest

rng = np.random.default_rng(0)
x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 3))
params = {"W": rng.normal(size=(4, 3)), "b": np.ones(3)}


def cost(p):
    return ((x @ p["W"] + p["b"] - y) ** 2).mean()


def gradients(p):
    delta = 2 * (x @ p["W"] + p["b"] - y) / y.size
    return {"W": x.T @ delta, "b": delta.sum(axis=0)}


def flipped(p):
    return {name: -g for name, g in gradients(p).items()}
"""
# A cost that shows slopes to three digits or so: with strict=True, that is not enough.
STAIRS = """
import numpy as np


def cost(x):
    return float(np.float32((x**3).sum()))


def gradients(x):
    return 3 * x**2


stairs = (cost, gradients, np.array([0.5, -1.25, 2.0]))
"""


@pytest.fixture(autouse=True)
def _nobody_elses_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def run(pytester: pytest.Pytester, tests: str, *words: str, start: str = LAYER) -> pytest.RunResult:
    """A file of tests, run by pytest in this process."""
    pytester.makepyfile(test_theirs=start + tests)
    return pytester.runpytest_inprocess(*PLUGIN, "-p", "no:cacheprovider", *words)


def output(result: pytest.RunResult) -> str:
    """All that a run printed to standard output."""
    return result.stdout.str()


# --- a check ----------------------------------------------------------------------------------

PAIR = """
def test_right(gradcheck):
    report = gradcheck(cost, gradients, params)
    assert report.verdict == "pass"

def test_wrong(gradcheck):
    gradcheck(cost, flipped, params)
"""


def test_a_right_gradient_passes_and_a_wrong_one_fails(pytester: pytest.Pytester) -> None:
    """And the failure is the report: verdict, diagnosis, offenders, and the test to run again."""
    result = run(pytester, PAIR)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       gradcheck(cost, flipped, params)",
            "E  *GradientError: the gradient is wrong*",
            "E       fail: 15 of 15 parameters checked, 15 wrong in W, b",
            "E       It looks like: the sign is flipped* [[]sign-flipped[]]",
            "E       worst offenders:",
            "E       repeat with: pytest test_theirs.py::test_wrong",
        ],
        consecutive=False,
    )


@pytest.mark.parametrize("style", ["auto", "long", "short", "native", "line"])
def test_no_frame_of_ours_is_shown(pytester: pytest.Pytester, style: str) -> None:
    """In any style of tracebacks, and neither where their own cost raises."""
    tests = (
        PAIR + "def test_raises(gradcheck):\n    gradcheck(lambda p: 1 / 0, gradients, params)\n"
    )
    text = output(run(pytester, tests, f"--tb={style}"))
    assert "sign-flipped" in text
    assert "ZeroDivisionError" in text
    assert not [name for name in OUR_FILES if name in text]


def test_all_frames_are_shown_where_asked_for(pytester: pytest.Pytester) -> None:
    """By pytest's own option; so a bug of ours can be reported."""
    assert "pytest_check.py" in output(run(pytester, PAIR, "--full-trace"))


def test_a_fault_of_ours_keeps_its_frames(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is neither theirs nor about what they gave."""

    def run_check(*args: object, **options: object) -> None:
        raise RuntimeError("a slip")

    of_ours = FunctionType(run_check.__code__, {"__name__": "checks.methods.dispatch"})
    monkeypatch.setattr(api, "run_check", of_ours)
    text = output(run(pytester, PAIR))
    assert "api.py" in text
    assert "RuntimeError: a slip" in text


def test_the_debugger_opens_in_their_test(pytester: pytest.Pytester) -> None:
    """Not in a frame of ours."""
    pytester.makepyfile(
        fake="""
        import pdb

        class Pdb(pdb.Pdb):
            def interaction(self, frame, traceback):
                stack, at = self.get_stack(frame, traceback)
                print("opened in", stack[at][0].f_code.co_name)
        """
    )
    result = run(pytester, PAIR, "--pdb", "--pdbcls=fake:Pdb")
    result.stdout.fnmatch_lines(["*opened in test_wrong"])


@pytest.mark.parametrize(
    "problem",
    [
        "(cost, gradients, params)",
        "{'cost': cost, 'gradients': gradients, 'params': params}",
        "SimpleNamespace(cost=cost, gradients=gradients, params=params)",
        "SimpleNamespace(cost=lambda p: (cost(p), gradients(p)), params=params, jac=True)",
        "SimpleNamespace(cost=lambda p, s: cost(p), gradients=lambda p, s: gradients(p), **more)",
    ],
)
def test_one_argument_is_a_problem(pytester: pytest.Pytester, problem: str) -> None:
    """A tuple, a dict or an object that holds cost, gradients and params, and what else it may."""
    tests = f"""
more = {{"params": params, "args": (1.0,), "inputs": x}}

def test_it(gradcheck):
    assert gradcheck({problem}).checked == 15
"""
    run(pytester, "from types import SimpleNamespace\n" + tests).assert_outcomes(passed=1)


def test_forms_of_ours_are_problems_as_well(pytester: pytest.Pytester) -> None:
    """And what is said of a failure names the function that was given."""
    tests = """
import geartrain

class Model:
    def __init__(self):
        self.w = np.ones(3)

    def loss(self):
        return (self.w**2).sum()

    def backward(self):
        return {"w": 3 * self.w}

def test_form(gradcheck):
    gradcheck(geartrain.value_and_grad(cost, params, flipped))

def test_attributes(gradcheck):
    model = Model()
    gradcheck(geartrain.attributes(model, ["w"], cost=model.loss, gradients=model.backward))
"""
    said = summary(run(pytester, tests))
    assert [line.partition(" [")[0] for line in said if line.startswith("fail: ")] == [
        "fail: test_theirs.flipped: the sign is flipped",
        "fail: test_theirs.Model.backward: off by a constant factor in w",
    ]


OTHERS = """
A = np.arange(6.0).reshape(3, 2)
point = np.array([0.5, -1.5])

@pytest.mark.gradcheck(rtol=1e-5, method="sweep")
def test_right(gradcheck):
    assert gradcheck.jacobian(lambda v: A @ v, lambda v: A, point).rtol == 1e-5
    gradcheck.hessian(lambda v: 4 * v**3, lambda v: np.diag(12 * v**2), point)
    gradcheck.vjp(lambda v: A @ v, lambda v, c: A.T @ c, point)
    gradcheck.jvp(lambda v: A @ v, lambda v, t: A @ t, point)

def wrong(v):
    return A + (A == 3)

def test_wrong(gradcheck):
    gradcheck.jacobian(lambda v: A @ v, wrong, point)

def test_mistyped(gradcheck):
    gradcheck.jacobian(lambda v: A @ v, wrong, point, method="probe")
"""


def test_jacobians_hessians_and_products_are_checked_as_well(pytester: pytest.Pytester) -> None:
    """With the same options as far as they take them, the same failures and the same summary."""
    result = run(pytester, OTHERS)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "E  *GradientError: the gradient is wrong*",
            "E  *repeat with: pytest test_theirs.py::test_wrong",
            "E  *TypeError: gradcheck: expected options of the check, got 'method'; *",
            "5 checks in 2 tests, *: 4 passed, 1 failed; *",
            "fail: test_theirs.wrong: *",
        ]
    )
    assert not [name for name in (*OUR_FILES, "matrices.py") if name in output(result)]


def test_what_hides_ours_is_named(pytester: pytest.Pytester) -> None:
    """A file of theirs called checks.py: one sentence at their call, and no frame of ours."""
    pytester.makepyfile(checks="x = 1", test_theirs=LAYER + PAIR)
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["E  *ImportError: *checks.py hides geartrain's package of the *"])
    assert not [name for name in ("pytest_check.py", "siblings.py") if name in output(result)]


def test_failures_of_the_functions_are_counted_too(pytester: pytest.Pytester) -> None:
    """Whoever called them, and though the fixture was never used."""
    tests = """
import geartrain

def test_it():
    geartrain.assert_gradients(cost, flipped, params)
"""
    said = summary(run(pytester, tests))
    assert said[1] == "fail: test_theirs.py::test_it: the sign is flipped [sign-flipped]"


def test_one_argument_that_is_no_problem_is_named(pytester: pytest.Pytester) -> None:
    """With what was expected."""
    result = run(pytester, "def test_it(gradcheck):\n    gradcheck(cost)\n")
    result.stdout.fnmatch_lines(
        ["E * gradcheck: expected cost, gradients and params, or a problem: *got one function"]
    )


def test_tests_drawn_by_hypothesis_may_use_it(pytester: pytest.Pytester) -> None:
    """The fixture lasts for the session, and a failure that is shrunk counts once."""
    tests = """
from hypothesis import given, settings, strategies as st

@settings(max_examples=20, database=None, derandomize=True)
@given(st.integers(1, 9))
def test_any_scale(gradcheck, n):
    gradcheck(lambda p: n * cost(p), lambda p: {k: g * min(n, 5) for k, g in gradients(p).items()},
              params)
"""
    result = run(pytester, tests)
    result.assert_outcomes(failed=1)
    assert "1 failed; " in output(result)
    assert "        n=6,\n" in output(result)


# --- options ----------------------------------------------------------------------------------

SEEDS = """
@pytest.mark.gradcheck(seed=3)
class TestSeeds:
    def test_class(self, gradcheck):
        assert gradcheck(cost, gradients, params).seed == 3

    @pytest.mark.gradcheck(seed=4, rtol=1e-5)
    def test_closest(self, gradcheck):
        report = gradcheck(cost, gradients, params)
        assert (report.seed, report.rtol) == (4, 1e-5)

    @pytest.mark.gradcheck(seed=4)
    def test_call(self, gradcheck):
        assert gradcheck(cost, gradients, params, seed=5).seed == 5

def test_unmarked(gradcheck):
    report = gradcheck(cost, gradients, params)
    assert (report.seed, report.rtol) == (7, 1e-4)
"""


def test_a_call_goes_before_its_marker_and_that_before_the_command_line(
    pytester: pytest.Pytester,
) -> None:
    """And the command line before the configuration file."""
    pytester.makeini("[pytest]\ngradcheck_rtol = 1e-4\ngradcheck_seed = 6\n")
    result = run(pytester, SEEDS, "--gradcheck-seed=7", "--strict-markers")
    result.assert_outcomes(passed=4)


def test_a_seed_of_the_command_line_is_part_of_what_repeats_a_failure(
    pytester: pytest.Pytester,
) -> None:
    """It can be copied."""
    result = run(pytester, PAIR, "--gradcheck-seed=7")
    result.stdout.fnmatch_lines(["*repeat with: pytest *::test_wrong --gradcheck-seed=7"])


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("rtoll=1e-5", "the marker gradcheck: *got 'rtoll'; did you mean 'rtol'?"),
        ("1e-5", "the marker gradcheck: expected options by name, such as rtol=1e-5, got 1e-05"),
        ("undecided='maybe'", "undecided: expected one of fail, warn, pass, got 'maybe'"),
        ("rtol=3", "rtol: expected a number above 0 and below 1*"),
    ],
)
def test_a_marker_that_cannot_be_used_is_named(
    pytester: pytest.Pytester, marker: str, message: str
) -> None:
    """At the test that has it."""
    tests = f"@pytest.mark.gradcheck({marker})\n" + PAIR.lstrip()
    run(pytester, tests).stdout.fnmatch_lines([f"E * {message}"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--gradcheck-seed=-1", "--gradcheck-seed: expected a whole number of 0 or more, got '-1'"),
        ("--gradcheck-rtol=x", "--gradcheck-rtol: expected a number above 0 and below 1, *"),
        ("-ogradcheck_undecided=ok", "gradcheck_undecided: expected one of fail, warn, pass, *"),
        ("--gradcheck-json=no/r.json", "--gradcheck-json: expected a file in a folder that is *"),
        ("--gradcheck-json=.", "--gradcheck-json: expected a file in a folder that is there, *"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_before_anything_runs(
    pytester: pytest.Pytester, words: str, message: str
) -> None:
    """As an error of usage."""
    result = run(pytester, PAIR, words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


UNSURE = "\ndef test_unsure(gradcheck):\n    gradcheck(stairs, strict=True)\n"


@pytest.mark.parametrize(
    ("undecided", "failed", "warnings"),
    [(None, 1, 0), ("fail", 1, 0), ("warn", 0, 1), ("pass", 0, 0)],
)
def test_what_is_undecided_fails_or_warns_or_passes(
    pytester: pytest.Pytester, undecided: str | None, failed: int, warnings: int
) -> None:
    """By default it fails: nothing was proved. It is counted in any case."""
    pytester.makeini("[pytest]" + (f"\ngradcheck_undecided = {undecided}" if undecided else ""))
    result = run(pytester, UNSURE, "-Wdefault", start=STAIRS)
    result.assert_outcomes(passed=1 - failed, failed=failed)
    assert output(result).count("UndecidedWarning: not proved") == warnings
    assert "1 undecided; " in output(result)
    if failed:
        assert "GradientError: not proved" in output(result)


# --- what is said and written at the end ------------------------------------------------------

TEN = (
    PAIR
    + """
@pytest.mark.parametrize("n", range(10))
def test_layers(gradcheck, n):
    gradcheck(cost, flipped, params)

@pytest.mark.xfail
def test_known(gradcheck):
    gradcheck(cost, lambda p: p, params)

def test_caught(gradcheck):
    with pytest.raises(AssertionError, match="sign-flipped"):
        gradcheck(cost, flipped, params)
"""
)


def summary(result: pytest.RunResult) -> list[str]:
    """The lines of our section."""
    lines = result.stdout.lines
    start = next(
        k for k, line in enumerate(lines) if line.startswith("=") and " gradcheck " in line
    )
    stop = next(k for k in range(start + 1, len(lines)) if lines[k].startswith("="))
    return lines[start + 1 : stop]


def test_ten_failures_of_one_cause_are_one_entry(pytester: pytest.Pytester) -> None:
    """What is expected to fail is none; and the worst are named, one for each function."""
    said = summary(run(pytester, TEN))
    assert said[0].startswith(
        "13 checks in 13 tests, 195 parameters: 1 passed, 11 failed, 1 failed"
    )
    assert said[2:4] == [
        "fail: test_theirs.flipped: the sign is flipped [sign-flipped]",
        "  test_theirs.py::test_wrong and 10 more",
    ]
    assert said[4] == "worst, by relative error:"
    assert [line.split()[-1] for line in said[5:]] == [
        "test_theirs.py::test_wrong",
        "test_theirs.py::test_right",
    ]
    assert all(len(line) <= 80 for line in said)


def test_other_causes_are_other_entries(pytester: pytest.Pytester) -> None:
    """Another function, or another diagnosis of the same one."""
    tests = """
def doubled(p):
    return {name: 2 * g for name, g in gradients(p).items()}

def test_one(gradcheck):
    gradcheck(cost, flipped, params)

def test_another(gradcheck):
    gradcheck(cost, doubled, params)

@pytest.mark.parametrize("factor", [1, 3])
def test_arrays(gradcheck, factor):
    gradcheck(cost, {name: -factor * g for name, g in gradients(params).items()}, params)
"""
    entries = [line for line in summary(run(pytester, tests)) if line.startswith("fail: ")]
    assert [entry.split(": ")[1] for entry in entries] == [
        "test_theirs.flipped",
        "test_theirs.doubled",
        "test_theirs.py::test_arrays",
        "test_theirs.py::test_arrays",
    ]


def test_nothing_is_said_where_nothing_was_checked(pytester: pytest.Pytester) -> None:
    """Nor where the plugin is switched off."""
    assert "gradcheck" not in output(run(pytester, "def test_it():\n    pass\n"))


def test_it_is_found_by_its_entry_point_and_can_be_switched_off(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By pytest's own option, under the name that it is found by."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ((name, module),) = points["project"]["entry-points"]["pytest11"].items()
    metadata = pytester.mkdir("installed-0.dist-info")
    (metadata / "METADATA").write_text("Name: installed\nVersion: 0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(f"[pytest11]\n{name} = {module}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(pytester.path)
    pytester.makepyfile(test_theirs=LAYER + PAIR)
    pytester.runpytest_inprocess().assert_outcomes(passed=1, failed=1)
    result = pytester.runpytest_inprocess("-p", f"no:{name}")
    result.stdout.fnmatch_lines(["*fixture 'gradcheck' not found*"])


def test_reports_are_written_as_json(pytester: pytest.Pytester) -> None:
    """Each with its test; also without the plugin that prints, and when a run stops early."""
    result = run(pytester, TEN, "--gradcheck-json=r.json", "-p", "no:terminal", "-x")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    written = json.loads((pytester.path / "r.json").read_text(encoding="utf-8"))
    assert written["schema"] == "urn:geartrain:pytest:1"
    assert written["summary"].startswith("2 checks in 2 tests, 30 parameters: 1 passed, 1 failed")
    assert [(t["test"], t["outcome"], t["report"]["verdict"]) for t in written["tests"]] == [
        ("test_theirs.py::test_right", "passed", "pass"),
        ("test_theirs.py::test_wrong", "failed", "fail"),
    ]
    assert written["tests"][1]["report"]["diagnosis"]["code"] == "sign-flipped"
    assert written["tests"][1]["report"]["gradient"] == "test_theirs.flipped"


@pytest.mark.parametrize("words", [[], ["-n", "1"]])
def test_reports_are_written_as_a_page(pytester: pytest.Pytester, words: list[str]) -> None:
    """A section for each test; what failed has its heat maps, wherever it ran."""
    pytester.makepyfile(test_theirs=LAYER + PAIR)
    runner = pytester.runpytest_subprocess if words else pytester.runpytest_inprocess
    runner(*PLUGIN, "--gradcheck-html=page.html", *words).assert_outcomes(passed=1, failed=1)
    page = (pytester.path / "page.html").read_text(encoding="utf-8")
    assert "2 checks in 2 tests, 30 parameters: 1 passed, 1 failed" in page
    assert "test_theirs.py::test_right" in page
    assert "The gradient is right." in page
    assert "sign-flipped" in page
    assert page.count('class="map"') == 2


def test_a_file_that_cannot_be_written_is_said_to_be(pytester: pytest.Pytester) -> None:
    """At the end, where it could not be foreseen."""
    tests = PAIR + "def test_late():\n    import pathlib; pathlib.Path('r.json').mkdir()\n"
    result = run(pytester, tests, "--gradcheck-json=r.json")
    result.stderr.fnmatch_lines(["*gradcheck: cannot write r.json: Is a directory"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_results_come_from_the_workers_of_xdist(pytester: pytest.Pytester) -> None:
    """The same summary and the same file as without; and -x and --lf do what they do."""
    pytester.makepyfile(test_theirs=LAYER + TEN)
    words = [*PLUGIN, "--gradcheck-json=r.json"]
    result = pytester.runpytest_subprocess(*words, "-n", "1")
    assert "13 checks in 13 tests, 195 parameters: 1 passed, 11 failed, 1 failed " in output(result)
    assert "  test_theirs.py::test_wrong and 10 more" in output(result)
    assert len(json.loads((pytester.path / "r.json").read_text(encoding="utf-8"))["tests"]) == 13
    again = pytester.runpytest_inprocess(*words, "--lf", "-x")
    assert "1 check in 1 test, 15 parameters: 0 passed, 1 failed; " in output(again)


def test_junit_has_what_was_checked(pytester: pytest.Pytester) -> None:
    """As properties of the test."""
    run(pytester, PAIR, "--junitxml=j.xml")
    cases = ET.parse(pytester.path / "j.xml").getroot().iter("testcase")  # noqa: S314 pytest's own
    found = {
        case.get("name"): {p.get("name"): p.get("value") for p in case.iter("property")}
        for case in cases
    }
    assert found["test_right"]["gradcheck_verdict"] == "pass"
    assert found["test_wrong"] == {
        "gradcheck_verdict": "fail",
        "gradcheck_checks": "1",
        "gradcheck_parameters": "15",
        "gradcheck_undecided": "0",
        "gradcheck_diagnosis": "sign-flipped",
        "gradcheck_worst": found["test_wrong"]["gradcheck_worst"],
    }


def test_github_gets_a_table(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each cause, after what others have written there; none where nothing failed."""
    page = pytester.path / "summary.md"
    page.write_text("# before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    run(pytester, TEN)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# before\n### gradcheck\n\n13 checks in 13 tests, ")
    rows = [line for line in text.splitlines() if line.startswith("| fail ")]
    assert len(rows) == 1
    assert "| test_theirs.flipped | the sign is flipped [sign-flipped] |" in rows[0]
    assert "| test_theirs.py::test_wrong and 10 more |" in rows[0]
    page.unlink()
    run(pytester, PAIR.partition("def test_wrong")[0])
    assert "| verdict |" not in page.read_text(encoding="utf-8")


# --- its own weight ---------------------------------------------------------------------------


def test_it_loads_nothing_of_ours_until_it_is_used(tmp_path: Path) -> None:
    """Nor NumPy; pytest is there already."""
    code = (
        "import sys, pytest; old = {*sys.modules}; import geartrain.pytest_plugin;"
        " print(*{*sys.modules} - old)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(geartrain.__path__[0]).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == {"geartrain", "geartrain.pytest_plugin"}


def test_a_run_without_a_check_loads_nothing_of_ours(pytester: pytest.Pytester) -> None:
    """Whatever else is tested."""
    pytester.makepyfile("import sys\n\ndef test_it():\n    assert 'checks' not in sys.modules\n")
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)
