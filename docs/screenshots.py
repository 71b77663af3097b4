"""Take the manual's screenshots: `tox exec -e page -- python docs/screenshots.py [FOLDER]`.

The pages are those of two gradients with one planted error each, so that everyone gets the same.
Needs Chromium, as `chromium` or `google-chrome` on the path.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from backprop import init_net
from checks import check_gradients
from checks.methods.dispatch import run_check
from checks.network.adapter import network_problem
from checks.verdict.report import Report

FOLDER = Path(__file__).parent / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Without a sandbox, for containers where root runs it, and without a word to its maker's hosts.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def one_wrong_weight() -> Report:
    """A network of 784-40-10, one of whose 31,810 derivatives is a tenth too large."""
    net = init_net((784, 40, 10), seed=0)
    rng = np.random.default_rng(1)
    problem = network_problem(net, rng.normal(size=(20, 784)), rng.integers(10, size=20))

    def gradient(values: Any) -> Any:
        found = problem.gradient(values)
        found["W1"] = found["W1"].copy()
        found["W1"][300, 17] *= 1.1
        return found

    report = run_check(replace(problem, gradient=gradient, repeat="gradcheck 784 40 10 --seed 0"))
    return replace(report, seconds=0.2)


def one_wrong_number() -> Report:
    """A least-squares fit, whose derivative by the rate is 1% off."""
    x, y = np.linspace(-1, 1, 12), np.exp(np.linspace(-1, 1, 12))
    basis = np.stack([x**k for k in range(5)], axis=1)

    def cost(p: Any) -> float:
        return float(np.mean((basis @ p["poly"] * np.exp(p["rate"] * x) - y) ** 2))

    def gradients(p: Any) -> Any:
        e, fit = np.exp(p["rate"] * x), basis @ p["poly"]
        left = 2 * (fit * e - y) / len(x)
        return {"poly": basis.T @ (left * e), "rate": 1.01 * np.sum(left * fit * e * x)}

    report = check_gradients(
        cost, gradients, {"poly": np.asarray([1.0, 0.9, 0.6, 0.2, 0.1]), "rate": np.asarray(0.3)}
    )
    return replace(report, seconds=0.02, repeat="gradcheck fit.py:growth --seed 0")


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A screenshot: of which report, how wide, in which colours, of which part of the page."""

    report: Callable[[], Report]
    width: int
    height: int
    scheme: str = "light"
    of: str = ""


SHOTS = {
    "page.png": Shot(report=one_wrong_weight, width=1000, height=820),
    "heat_map.png": Shot(report=one_wrong_weight, width=1000, height=900, of="section.map"),
    "curve.png": Shot(report=one_wrong_number, width=1000, height=900, scheme="dark",
                      of="section.chart"),
}  # fmt: skip


def browser() -> str | None:
    """The path of a Chromium; None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextlib.contextmanager
def started() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=browser(), args=list(FLAGS))
        try:
            yield found
        finally:
            found.close()


def take(chromium: Any, shot: Shot, path: Path) -> None:
    """One screenshot, to a PNG."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        page.write_text(shot.report().to_html(), encoding="utf-8")
        size = {"width": shot.width, "height": shot.height}
        tab = chromium.new_page(viewport=size, color_scheme=shot.scheme)
        tab.goto(page.as_uri())
        (tab.locator(shot.of).first if shot.of else tab).screenshot(path=path)
        tab.close()


def main(folder: Path = FOLDER) -> int:
    """Take all of them."""
    if browser() is None:
        print(f"expected a browser on the path, one of {', '.join(BROWSERS)}; install chromium")
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    with started() as chromium:
        for name, shot in SHOTS.items():
            take(chromium, shot, folder / name)
            print(folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
