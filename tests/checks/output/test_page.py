"""The page says what the report says, keeps to one file, and escapes whatever a user named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from checks import check_gradients
from checks.methods.dispatch import run_check
from checks.output.page import render, render_many
from checks.problem.nested import Array
from checks.problem.problem import Problem
from checks.verdict import presented
from checks.verdict.report import Report
from tests.checks.problems import changed, network

VOID = {"meta", "br", "link", "input"}


class Page(HTMLParser):
    """What a page holds: its tags in order, its text, and whether each tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID and not (self.get_starttag_text() or "").endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """It closes itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """It closes what was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep what is read."""
        if self.open and self.open[-1] not in {"style", "script"}:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is read, with single spaces."""
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        """The attributes of all tags of a name."""
        return (attributes for name, attributes in self.tags if name == tag)


def wrong_at(name: str, index: tuple[int, ...], factor: float = 1.2) -> Any:
    """A change to a gradient: one coordinate off by a factor."""

    def change(gradient: dict[str, Array]) -> None:
        gradient[name][index] *= factor

    return change


def broken(problem: Problem) -> Problem:
    """With one wrong weight in the second layer."""
    return changed(problem, wrong_at("W2", (3, 1)))


@pytest.fixture(scope="module")
def failing() -> Report:
    """A report with one wrong coordinate."""
    return run_check(replace(broken(network()), repeat="gradcheck 4 5 3 --seed 0"))


def test_the_page_says_what_the_report_says(failing: Report) -> None:
    """Verdict, diagnosis, the coordinate with its numbers, and the command that repeats it."""
    page = Page(failing.to_html())
    assert not page.open
    worst = failing.worst
    assert worst is not None
    for words in (
        "The gradient is wrong.",
        failing.summary,
        f"It looks like: {failing.diagnosis.title}",  # type: ignore[union-attr]
        "gradcheck 4 5 3 --seed 0",
        f"W2[3, 1] {worst.analytic:.9g} {worst.numeric:.9g} {worst.error:.2g} ",
        "W2: 15 coordinates, 1 of them wrong, in 1 of 15 cells.",
        "W1: 20 coordinates, none of them wrong.",
    ):
        assert words in page.text


def test_each_coordinate_is_in_a_table(failing: Report) -> None:
    """With both values, the interval and the verdict: the twin of the heat map."""
    page = Page(failing.to_html())
    for name, kept in failing.coordinates.items():
        for index in np.ndindex(kept.status.shape):
            where = f"{name}[{', '.join(map(str, index))}]"
            error = f"{kept.tolerance[index]:.2g}"
            verdict = "wrong" if (name, index) == ("W2", (3, 1)) else "right"
            count = int(verdict == "wrong")
            found = (
                f"{where} 1 {count} {kept.analytic[index]:.9g} {kept.numeric[index]:.9g} {error} "
            )
            assert found in page.text
            assert re.search(re.escape(found) + r"[\d.e-]+ " + verdict, page.text)


def test_a_passing_page_says_so() -> None:
    """And shows nothing wrong."""
    page = Page(run_check(network()).to_html())
    assert "The gradient is right." in page.text
    assert "Wrong coordinates" not in page.text
    assert not [a for a in page.all("path") if a.get("class") in {"cross", "slip", "cell wrong"}][
        1:
    ]


def test_the_picture_shows_the_wrong_cell(failing: Report) -> None:
    """Its own colour, a cross, and arrows at the edges; the train slips where it lies."""
    page = Page(failing.to_html())
    wrong = [a["d"] for a in page.all("path") if a.get("class") == "cell wrong"]
    assert len(wrong) == 2  # one in the legend
    assert len([a for a in page.all("path") if a.get("class") == "cross"]) == 1
    assert len([a for a in page.all("path") if a.get("class") == "arrow"]) == 1
    assert len([a for a in page.all("path") if a.get("class") == "slip"]) == 1
    columns, side, edge = 3, 34, 16
    assert wrong[1] == f"M{edge + 1 * side} {edge + 3 * side}h{side}v{side}h-{side}z"
    assert columns == failing.coordinates["W2"].binned().columns


def test_the_page_needs_nothing_else(failing: Report) -> None:
    """No address, no style or script but its own, which its policy names."""
    text = failing.to_html()
    page = Page(text)
    assert not re.search(r"https?:|//[a-z]|url\((?!#)|@import", text.replace("// Says", ""))
    assert not [a for _, a in page.tags if {"src", "style", "onclick", "onload"} & set(a)]
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert len(list(page.all("style"))) == len(list(page.all("script"))) == 1


def test_the_same_report_gives_the_same_bytes(failing: Report) -> None:
    """Also when it is drawn again from the start, and when the check is run again."""
    again = run_check(replace(broken(network()), repeat=failing.repeat))
    again = replace(again, seconds=failing.seconds)
    assert failing.to_html() == failing.to_html() == again.to_html()


def test_what_users_name_is_escaped() -> None:
    """Tensors, the cost's errors and titles are text, never markup."""
    name = "<script>alert(1)</script>"
    report = check_gradients(
        lambda p: float(np.sum(p[name] ** 2)), lambda p: {name: 3 * p[name]}, {name: np.ones(3)}
    )
    text = report.to_html(title='"><img src=x onerror=alert(2)>')
    page = Page(text)
    assert name not in text
    assert f"{name} wrong" in page.text
    assert not list(page.all("img"))
    assert len(list(page.all("script"))) == 1


def test_every_picture_has_a_table_twin(failing: Report) -> None:
    """And a name, for those who do not see it."""
    page = Page(failing.to_html())
    pictures = [a for a in page.all("svg") if a.get("role") == "img"]
    assert all(a["aria-label"] for a in pictures)
    tables = page.text.count("The same as a table")
    assert len(pictures) == tables + 1  # the coverage bar has a list instead
    assert all(a.get("aria-hidden") == "true" for a in page.all("svg") if a.get("role") != "img")
    assert all(a.get("scope") in {"row", "col"} for a in page.all("th"))


def test_a_page_says_why_something_is_undecided() -> None:
    """With the numbers, and what would decide it."""
    report = check_gradients(
        lambda x: float(np.sum(x**2)) + 1e12, lambda x: 2 * x, np.asarray([0.5, 1.0]), strict=True
    )
    assert report.undecided
    page = Page(report.to_html())
    assert "Why some are undecided" in page.text
    assert "What would decide it: " in page.text
    for reason in report.reasons:
        assert reason.text in page.text


def test_several_reports_on_a_page(failing: Report) -> None:
    """A table of all, pictures of those that do not pass, and headings in order."""
    page = Page(render_many({"first": failing, "second": run_check(network(1))}, title="my tests"))
    assert "my tests: 2 checks" in page.text
    assert "first fail" in page.text
    assert "second pass" in page.text
    links = [a["href"] for a in page.all("a")]
    assert links == [f"#{a['id']}" for a in page.all("article")] == ["#c1", "#c2"]
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert page.text.count("W2: 15 coordinates") == 1
    unnamed = Page(render_many([failing, failing]))
    assert "check 1 fail" in unnamed.text


def test_curves_are_measured_for_pictures_only(failing: Report) -> None:
    """Of many tests that pass, none is run again."""
    right = run_check(network())
    page = Page(render_many([right, failing]))
    assert right.measure_curves.found is None  # type: ignore[union-attr]
    assert page.text.count("What the cost shows") == 1


def test_headings_leave_no_level_out(failing: Report) -> None:
    """One of the first level, and each next one at most one deeper."""
    for text in (failing.to_html(), render_many([failing, failing])):
        levels = [int(tag[1]) for tag, _ in Page(text).tags if re.fullmatch(r"h\d", tag)]
        assert levels.count(1) == levels[0] == 1
        assert all(b <= a + 1 for a, b in pairwise(levels))


def test_a_page_of_a_large_network_stays_small() -> None:
    """One wrong weight of 31,810 stands out, on a page of less than a megabyte."""
    problem = changed(network(shape=(784, 40, 10), batch=4), wrong_at("W1", (300, 17)))
    report = run_check(problem)
    text = report.to_html()
    assert len(text.encode()) < 2**20
    page = Page(text)
    assert "W1: 31,360 coordinates, 1 of them wrong, in 1 of 1,120 cells." in page.text
    assert "Each cell stands for 28 × 1 coordinates, and shows the worst of them." in page.text
    heights = [float(a["height"]) for a in page.all("svg") if a.get("viewbox") and "height" in a]  # type: ignore[arg-type]
    assert max(heights) < 420


def test_many_tensors_keep_to_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is drawn first; what finds no room is named."""
    monkeypatch.setattr("checks.output.page.CELLS", 300)
    shape = (9,) * 12
    report = run_check(changed(network(shape=shape), wrong_at("W9", (0, 0), -1.0)))
    page = Page(report.to_html())
    assert "W9 wrong W9: 81 coordinates, 1 of them wrong" in page.text
    assert "Not drawn, so that the page stays small: " in page.text


def test_many_parameters_are_kept_by_their_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound a report holds cells, not coordinates, and no curves; the page is the same."""
    problem = broken(network())
    whole = Page(run_check(problem).to_html())
    monkeypatch.setattr(presented, "KEPT", 10)
    monkeypatch.setattr("checks.methods.conclude.KEPT", 10)
    report = run_check(problem)
    assert report.measure_curves is None
    assert {type(kept).__name__ for kept in report.coordinates.values()} == {"Grid"}
    page = Page(report.to_html())
    assert page.text.count("W2[3, 1]") > 1
    paths = [a["d"] for a in page.all("path") if str(a.get("class")).startswith("cell")]
    assert paths == [a["d"] for a in whole.all("path") if str(a.get("class")).startswith("cell")]


def test_what_a_projection_compared_is_told_apart() -> None:
    """Coordinates that pass a probe have no value of their own."""
    report = run_check(network(), method="probe")
    page = Page(report.to_html())
    assert "right, compared with others in one projection" in page.text
    assert report.verdict == "pass"
    assert np.isnan(report.coordinates["W1"].numeric).all()


def test_what_was_not_checked_is_told_apart() -> None:
    """A sample leaves most of the cells empty, and the bar says how many."""
    report = run_check(network(shape=(20, 10, 3)), sample=0.1)
    page = Page(report.to_html())
    assert f"{report.unchecked:,} not checked" in page.text
    assert "not checked" in page.text.split("The same as a table", 2)[2]


def test_a_check_that_ended_early_has_a_page_too() -> None:
    """Nothing was compared: the page says what was found."""
    report = check_gradients(lambda x: x.sum(), lambda x: np.ones(3), np.ones(2))
    page = Page(report.to_html())
    assert "the gradient has the wrong shape" in page.text
    assert "Relative error of every coordinate" not in page.text


def test_a_notebook_shows_the_page_in_a_frame(failing: Report) -> None:
    """Without running the cost: its curves are left out."""
    fresh = run_check(broken(network()))
    frame = Page(fresh._repr_html_())
    ((tag, attributes),) = frame.tags
    assert tag == "iframe"
    assert attributes["sandbox"] == "allow-scripts"
    inside = Page(attributes["srcdoc"] or "")
    assert "The gradient is wrong." in inside.text
    assert "report.to_html() measures curves" in inside.text
    assert fresh.measure_curves.found is None  # type: ignore[union-attr]


def test_render_takes_plain_values(failing: Report) -> None:
    """The page is made of what the report hands over, and of nothing else."""
    assert render(failing.page_contents(), title=failing.repeat) == failing.to_html()
