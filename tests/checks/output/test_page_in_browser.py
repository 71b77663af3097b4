"""Pages in a real browser: what is seen, what keyboards and readers of screens get, what fits.

`tox -e page` runs these, where Chromium is on the path.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checks import check_gradients
from checks.methods.dispatch import run_check
from checks.output.page import render_many
from checks.verdict.report import Report
from tests.checks.problems import changed, network

pytestmark = pytest.mark.page

playwright = pytest.importorskip("playwright.sync_api", reason="tox -e page has playwright")

ROOT = Path(__file__).parents[3]
PICTURES = ROOT / "docs" / "pictures"
WIDTHS = (360, 800, 1400)
WRONG = (201, 24, 43)  # --wrong of the light style


def loaded(path: Path) -> Any:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


SHOTS = loaded(ROOT / "docs" / "screenshots.py")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless browser."""
    if SHOTS.browser() is None:
        pytest.skip(f"none of {', '.join(SHOTS.BROWSERS)} is on the path")
    with SHOTS.started() as found:
        yield found


def halved(gradient: Any) -> None:
    """One wrong weight."""
    gradient["W2"][3, 1] *= 0.5


def undecided() -> Report:
    """With a reason."""
    cost = lambda x: float(np.sum(x**2)) + 1e12  # noqa: E731
    return check_gradients(cost, lambda x: 2 * x, np.asarray([0.5, 1.0]), strict=True)


REPORTS: dict[str, Callable[[], Report]] = {
    "fail": lambda: run_check(changed(network(), halved)),
    "pass": lambda: run_check(network(shape=(12, 10, 4))),
    "undecided": undecided,
    "probe": lambda: run_check(network(), method="probe"),
    "taylor": lambda: run_check(network(), method="taylor"),
    "shape": lambda: check_gradients(lambda x: x.sum(), lambda x: np.ones(3), np.ones(2)),
    "long names": lambda: check_gradients(
        lambda p: float(sum(np.sum(v**2) for v in p.values())),
        lambda p: {k: 3 * v for k, v in p.items()},
        {"a_name_without_a_place_to_break_" * 4: np.ones((3, 5)), "<b>": np.ones((3, 45))},
    ),
}


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The page of each kind of report, and one of several."""
    found = {name: make() for name, make in REPORTS.items()}
    several = render_many(found, title="tests")
    return {name: report.to_html() for name, report in found.items()} | {"several": several}


class Tab:
    """A page that is open, and what its console has said."""

    def __init__(self, chromium: Any, html: str, path: Path, **options: Any) -> None:
        width = options.pop("width", 1000)
        path.write_text(html, encoding="utf-8")
        self.context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def run(self, script: str) -> Any:
        """What a script gives."""
        return self.page.evaluate(script)

    def overflows(self) -> bool:
        """Whether the page is wider than the window."""
        return bool(self.run("document.documentElement.scrollWidth > window.innerWidth"))


@pytest.fixture
def show(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Tab]]:
    """Opens pages, and closes them in the end."""
    tabs: list[Tab] = []

    def opened(html: str, **options: Any) -> Tab:
        tabs.append(Tab(chromium, html, tmp_path / f"{len(tabs)}.html", **options))
        return tabs[-1]

    yield opened
    for tab in tabs:
        tab.context.close()


KINDS = pytest.mark.parametrize("kind", [*REPORTS, "several"])


@KINDS
def test_the_console_is_silent_and_nothing_is_fetched(
    show: Callable[..., Tab], pages: dict[str, str], kind: str
) -> None:
    """No error, no warning, and no request but for the file itself."""
    tab = show(pages[kind])
    tab.page.mouse.move(300, 300)
    assert tab.said == []
    assert tab.asked == [tab.page.url]


def test_a_script_that_is_not_the_pages_own_is_refused(
    show: Callable[..., Tab], pages: dict[str, str]
) -> None:
    """So the test above can fail, and the policy holds."""
    foreign = (
        "<script>document.title = 'changed'</script><img src='https://localhost/x.png'></main>"
    )
    tab = show(pages["fail"].replace("</main>", foreign))
    assert any("Content Security Policy" in line for line in tab.said)
    assert tab.page.title() != "changed"


@KINDS
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(
    show: Callable[..., Tab], pages: dict[str, str], kind: str, width: int
) -> None:
    """On a telephone, a tablet and a desk, with all tables open."""
    tab = show(pages[kind], width=width)
    assert not tab.overflows()
    tab.run("for (const d of document.querySelectorAll('details')) d.open = true")
    assert not tab.overflows()


def test_what_is_too_wide_is_noticed(show: Callable[..., Tab], pages: dict[str, str]) -> None:
    """So the test above can fail."""
    wide = '<svg width="900" height="9"></svg></main>'
    assert show(pages["fail"].replace("</main>", wide), width=360).overflows()


def violations(tab: Tab, only: str = "") -> list[str]:
    """What axe-core finds, or one rule of it: how bad, which rule, and where."""
    import axe_playwright_python

    assert axe_playwright_python.__file__ is not None
    tab.run((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text() + ";0")
    found = tab.run(f"axe.run({{runOnly: ['{only}']}})" if only else "axe.run()")
    return [f"{v['impact']}: {v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]]


@KINDS
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    show: Callable[..., Tab], pages: dict[str, str], kind: str, scheme: str
) -> None:
    """Contrast, names, headings, tables and landmarks, tables open; contrast again in the dark."""
    tab = show(pages[kind], color_scheme=scheme, bypass_csp=True)
    tab.run("for (const d of [...document.querySelectorAll('details')].slice(0, 2)) d.open = true")
    assert violations(tab, "color-contrast" if scheme == "dark" else "") == []


def test_axe_finds_what_is_there(show: Callable[..., Tab], pages: dict[str, str]) -> None:
    """A picture without a name, so that the test above can fail."""
    nameless = '<svg width="9" height="9" role="img"></svg></main>'
    found = violations(show(pages["fail"].replace("</main>", nameless), bypass_csp=True))
    assert any("svg-img-alt" in each for each in found)


def in_words(report: Report) -> str:
    """What a cell says of the worst coordinate."""
    worst = report.worst
    assert worst is not None
    return (
        f"W2[3, 1]: wrong; analytic {worst.analytic:.9g}, numeric {worst.numeric:.9g}"
        f" ± {worst.tolerance:.2g}, relative error"
    )


def test_a_cell_shows_the_numbers_of_the_report(show: Callable[..., Tab]) -> None:
    """Under the pointer, and again in the table when it is clicked."""
    report = REPORTS["fail"]()
    tab = show(report.to_html())
    section = tab.page.locator("section.map", has_text="W2").first
    section.scroll_into_view_if_needed()
    box = section.locator("svg").first.bounding_box()
    side, edge = 34, 16
    x, y = box["x"] + edge + 1.5 * side, box["y"] + edge + 3.5 * side
    tab.page.mouse.move(x, y)
    assert section.locator(".told").inner_text().startswith(in_words(report))
    assert not section.locator("tr.here").count()
    tab.page.mouse.click(x, y)
    assert section.locator("tr.here").inner_text().startswith("W2[3, 1]")
    assert tab.said == []


def test_the_keyboard_goes_from_cell_to_cell(show: Callable[..., Tab]) -> None:
    """Arrows move, stop at the ends, and Enter shows the row."""
    report = REPORTS["fail"]()
    tab = show(report.to_html())
    section = tab.page.locator("section.map", has_text="W2").first
    cells = section.locator(".cells")
    cells.focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown"):
        tab.page.keyboard.press(key)
    assert section.locator(".told").inner_text().startswith(in_words(report))
    tab.page.keyboard.press("Enter")
    assert section.locator("tr.here").inner_text().startswith("W2[3, 1]")
    tab.page.keyboard.press("Tab")
    assert tab.run("document.activeElement.tagName") == "SUMMARY"


def test_every_part_is_reached_by_tab(show: Callable[..., Tab], pages: dict[str, str]) -> None:
    """Each heat map, each table that scrolls, each table that opens."""
    tab = show(pages["fail"])
    wanted = tab.run("document.querySelectorAll('.cells, summary, .wide:not(details *)').length")
    reached = set()
    for _ in range(wanted + 2):
        tab.page.keyboard.press("Tab")
        reached.add(tab.run("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
    assert len(reached) >= wanted


def test_the_page_works_without_its_script(show: Callable[..., Tab], pages: dict[str, str]) -> None:
    """Pictures are there, and tables open."""
    tab = show(pages["fail"], java_script_enabled=False)
    section = tab.page.locator("section.map").first
    section.locator("summary").click()
    row = section.locator("tbody tr", has_text="W2[3, 1]")
    assert row.is_visible()
    assert row.inner_text().split("\t")[-1].strip() == "wrong"
    assert section.locator("svg path.cross").is_visible()


def pixels(data: bytes) -> Any:
    """A PNG as an array (height, width, 3)."""
    from io import BytesIO

    from PIL import Image

    return np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int)


def close_to(image: Any, colour: tuple[int, int, int]) -> Any:
    """Where a picture has a colour, or nearly."""
    return np.abs(image - np.asarray(colour)).max(axis=2) < 12


def test_one_wrong_weight_of_31810_is_seen_without_scrolling(show: Callable[..., Tab]) -> None:
    """Its tensor fits into a window, and red stands at its cell and the edges, nowhere else."""
    tab = show(SHOTS.one_wrong_weight().to_html())
    cells = tab.page.locator("section.map .cells svg").first
    box = cells.bounding_box()
    assert box["height"] < 500
    red = close_to(pixels(cells.screenshot()), WRONG)
    row, column = 300 // 28, 17
    side, edge = 10.8, 16  # of the picture as drawn: 40 columns
    side = (box["width"] - 2 * edge) / 40
    ys, xs = np.nonzero(red)
    inside = (xs > edge) & (xs < box["width"] - edge) & (ys > edge) & (ys < box["height"] - edge)
    assert inside.sum() > 40
    assert np.all(np.abs(xs[inside] - edge - (column + 0.5) * side) <= side / 2 + 2)
    assert np.all(np.abs(ys[inside] - edge - (row + 0.5) * side) <= side / 2 + 2)
    assert (~inside).sum() > 60  # the arrows


def test_it_prints_on_white(show: Callable[..., Tab], pages: dict[str, str]) -> None:
    """Also from a dark screen; what is folded away stays away."""
    tab = show(pages["fail"], color_scheme="dark")
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"
    tab.page.emulate_media(media="print")
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not tab.page.locator("summary").first.is_visible()
    assert tab.page.pdf().startswith(b"%PDF")


def test_a_notebook_frame_shows_it_and_its_cells_work(show: Callable[..., Tab]) -> None:
    """Inside of another page, by its own script."""
    report = REPORTS["fail"]()
    tab = show(f"<!doctype html><title>notebook</title>{report._repr_html_()}")
    inside = tab.page.frame_locator("iframe")
    assert inside.locator("h1").inner_text() == "fail The gradient is wrong."
    cells = inside.locator("section.map .cells").first
    cells.focus()
    tab.page.keyboard.press("ArrowDown")
    assert inside.locator(".told").first.inner_text().startswith("W2[0, 0]: right")


# --- the manual's screenshots -----------------------------------------------------------------


@pytest.mark.parametrize("name", SHOTS.SHOTS)
def test_screenshots_are_those_of_the_pages_as_they_are(
    chromium: Any, tmp_path: Path, name: str
) -> None:
    """Same size, not empty, the same mean colours by and large, red where something is wrong.

    Fonts differ from machine to machine, so single pixels of text may.
    """
    SHOTS.take(chromium, SHOTS.SHOTS[name], tmp_path / name)
    now, kept = (pixels((f / name).read_bytes()) for f in (tmp_path, PICTURES))
    assert now.shape[1] == kept.shape[1]
    assert abs(now.shape[0] - kept.shape[0]) <= 60
    assert now.std() > 10
    rows = min(len(now), len(kept))
    blocks = [
        each[: rows // 8 * 8, : each.shape[1] // 8 * 8]
        .reshape(rows // 8, 8, each.shape[1] // 8, 8, 3)
        .mean(axis=(1, 3))
        for each in (now, kept)
    ]
    assert np.abs(blocks[0] - blocks[1]).mean() < 8
    red = (255, 90, 102) if SHOTS.SHOTS[name].scheme == "dark" else WRONG
    counts = [int(close_to(each, red).sum()) for each in (now, kept)]
    assert min(counts) > 100
    assert max(counts) <= 1.2 * min(counts)


def test_a_screenshot_of_another_page_is_noticed(chromium: Any, tmp_path: Path) -> None:
    """So the test above can fail: the page of a right gradient has no red."""
    shot = SHOTS.Shot(report=REPORTS["pass"], width=1000, height=820)
    SHOTS.take(chromium, shot, tmp_path / "page.png")
    now, kept = (pixels((f / "page.png").read_bytes()) for f in (tmp_path, PICTURES))
    assert close_to(now, WRONG).sum() == 0 < close_to(kept, WRONG).sum()
