"""README and docs say what is so: commands parse, examples run, tables and links are right."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import numpy as np
import pytest
from click.testing import CliRunner

import backprop.cli.group
import checks
import checks.cli.gradcheck
from backprop.system import exit_codes
from checks.diagnosis.codes import DIAGNOSES
from checks.methods import probe, sweep
from checks.network.faults.catalogue import FAULTS
from checks.oracles import thresholds
from checks.parallel import executors
from checks.searching import examples
from checks.searching.search import EXAMPLES, SECONDS
from checks.verdict.conduct import OFFENCES

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
VERDICT = ROOT / "docs" / "verdict.md"
MEASURED = ROOT / "docs" / "measured.md"
TRAINING = ROOT / "docs" / "training.md"
DISTRIBUTED = ROOT / "docs" / "distributed.md"
SEARCH = ROOT / "docs" / "search.md"
GROUPS = {"gradcheck": checks.cli.gradcheck.command, "backprop": backprop.cli.group.main}

# Options of other programs, and commands that take long or need something beside them.
FOREIGN = {"--worker-port", "--full-trace", "--junitxml"}
NOT_RUN = ("--selftest", "--jobs", "--dask")


# --- reading a document -----------------------------------------------------------------------


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A command as shown at a prompt, and what is shown below it."""

    words: tuple[str, ...]
    output: str


def shown(text: str) -> Iterator[Shown]:
    """The commands in the console blocks."""
    for block in blocks(text, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            yield Shown(words=tuple(shlex.split(line)), output=output)


def gist(output: str) -> list[str]:
    """What of a report's text stays the same on any machine: counts, verdict and diagnosis."""
    row = re.compile(r"\w+(\s+[\d,]+){5}(?=\s)")
    lines = output.splitlines()
    kept = [line for line in lines if re.match(r"(pass|fail|undecided): |It looks like: ", line)]
    return [match.group() for line in lines if (match := row.match(line))] + kept


def broken_links(text: str, folder: Path) -> list[str]:
    """Links to files that are not there, and to headings that the same text does not have."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    inside = [link for link in links if link.startswith("#") and link[1:] not in anchors]
    return inside + [x for x in links if not x.startswith("#") and not (folder / x).is_file()]


def parse(words: tuple[str, ...]) -> None:
    """Read a command line as the command would, without running it."""
    program, *rest = words
    command: click.Command = GROUPS[program]
    parent = click.Context(command, **command.context_settings)  # which says what else is --help
    if isinstance(command, click.Group):
        command = command.commands[rest.pop(0)]
    command.make_context(program, rest, parent=parent)


def options_of(group: click.Command) -> set[str]:
    """All options of a command and of its subcommands."""
    found = {name for p in group.params for name in p.opts} | {"--help", "-h"}
    for command in getattr(group, "commands", {}).values():
        found |= options_of(command)
    return found


def unknown_options(text: str) -> set[str]:
    """Options in running text that neither command has."""
    named = set(re.findall(r"`(--[a-z-]+)", text))
    return named - FOREIGN - set().union(*map(options_of, GROUPS.values()))


def table(entries: Mapping[str, tuple[str, str]]) -> str:
    """Codes, titles and remedies as the documents show them."""
    rows = [f"| `{code}` | {title} | {remedy} |" for code, (title, remedy) in entries.items()]
    return "\n".join(["| code | what it says | what to do |", "| --- | --- | --- |", *rows])


def between(text: str, name: str) -> str:
    """What stands between the markers of that name, of which there is one pair."""
    (found,) = re.findall(rf"<!-- {name}:begin -->\n(.*?)<!-- {name}:end -->", text, re.DOTALL)
    return str(found).rstrip("\n")


# --- the README -------------------------------------------------------------------------------


def test_quick_start_is_two_command_lines() -> None:
    """Its first code block, the first of the README, holds the two lines and nothing else."""
    after = README.read_text(encoding="utf-8").split("\n## Quick start\n")[1]
    first = re.search(r"^```\w*\n(.*?)^```$", after, re.MULTILINE | re.DOTALL)
    assert first is not None
    assert first.group(1).splitlines() == [
        "python3 -m pip install tox && python3 -m tox -e train",
        "python3 -m pip install tox && python3 -m tox",
    ]


@pytest.mark.parametrize(
    "document", [README, DISTRIBUTED, SEARCH, TRAINING], ids=lambda path: path.name
)
def test_python_blocks_run(document: Path, tmp_path: Path) -> None:
    """All of a document's blocks, one after the other, as a script of its own, without warnings."""
    found = blocks(document.read_text(encoding="utf-8"), "python")
    assert found
    script = tmp_path / "document.py"
    script.write_text("\n".join(found), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(checks.__path__[0]).parent)},
    )
    assert done.returncode == 0, done.stderr


COMMANDS = [s for path in DOCUMENTS for s in shown(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda s: " ".join(s.words))
def test_a_command_shown_parses(command: Shown) -> None:
    """Every command at a prompt is one of the two, with options that it has."""
    parse(command.words)


def test_a_command_with_a_mistyped_option_does_not_parse() -> None:
    """So that the test above can fail."""
    with pytest.raises(click.NoSuchOption):
        parse(("gradcheck", "3", "2", "--prob", "--activations", "tanh"))
    with pytest.raises(KeyError):
        parse(("gradchek", "3", "2"))
    with pytest.raises(KeyError):
        parse(("backprop", "trian"))


RUN = [s for s in COMMANDS if s.words[0] == "gradcheck" and not set(NOT_RUN) & set(s.words)]


@pytest.mark.parametrize("command", RUN, ids=lambda s: " ".join(s.words))
def test_a_check_shown_prints_what_is_shown(
    command: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same counts, verdict and diagnosis, and the exit code that goes with the verdict."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "96")
    monkeypatch.setenv("GEARTRAIN_CACHE", str(tmp_path))
    result = CliRunner().invoke(
        checks.cli.gradcheck.command, command.words[1:], prog_name="gradcheck"
    )
    assert result.exit_code == (1 if "wrong" in " ".join(command.words) else 0), result.output
    assert not command.output.strip() or gist(command.output) == gist(result.stdout)


def test_gist_keeps_what_a_reader_goes_by() -> None:
    """Another count, verdict or diagnosis is another gist; another time or last digit is not."""
    text = "W1   20   20  0  0  3  2.0e+00  W1[0, 1]\nfail: 20 of 20\n0.35 s, sweep"
    assert gist(text) == ["W1   20   20  0  0  3", "fail: 20 of 20"]
    assert gist(text.replace("2.0e+00", "1.9e+00").replace("0.35", "9")) == gist(text)
    assert gist(text.replace("fail", "pass")) != gist(text)
    assert gist(text.replace("0  3", "0  4")) != gist(text)


# --- all documents ----------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Links to files of the repository, and to headings of the same document."""
    assert broken_links(document.read_text(encoding="utf-8"), document.parent) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    """A file that is not there and a heading that is not there, beside good ones."""
    (tmp_path / "here.md").touch()
    text = "# The probe\n[a](here.md) [b](gone.md) [c](#the-probe) [d](#a-probe) [e](https://x.y/z)"
    assert broken_links(text, tmp_path) == ["#a-probe", "gone.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_options_named_in_the_text_exist(document: Path) -> None:
    """Whatever is set in code and begins with two hyphens is an option of one of the commands."""
    assert unknown_options(document.read_text(encoding="utf-8")) == set()


def test_an_unknown_option_is_found() -> None:
    """And known ones, with a value or without, are not."""
    assert unknown_options("`--probe`, `--json PATH`, `--data-dir` and `--fast`") == {"--fast"}


@pytest.mark.parametrize(
    ("name", "entries"), [("hygiene", OFFENCES), ("diagnoses", DIAGNOSES)], ids=lambda x: str(x)[:9]
)
def test_tables_of_codes_are_in_step(name: str, entries: Any) -> None:
    """The document's table is the code's; where it is not, the message has the new one."""
    expected = table(entries)
    written = between(VERDICT.read_text(encoding="utf-8"), name)
    assert written == expected, f"put this between the markers {name!r}:\n{expected}"


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (MEASURED, "bench"),
        (MEASURED, "rivals"),
        (MEASURED, "campaign"),
        (DISTRIBUTED, "projection"),
        (SEARCH, "search"),
    ],
    ids=lambda x: getattr(x, "name", x),
)
def test_measurements_have_their_place(document: Path, name: str) -> None:
    """One pair of markers each, between which the measuring commands write."""
    assert between(document.read_text(encoding="utf-8"), name)


@pytest.mark.parametrize(
    ("document", "phrase"),
    [
        (VERDICT, f"tolerance = {thresholds.SAFETY:.0f} × (spread"),
        (VERDICT, f"from {({16: 'sixteen'})[thresholds.CULPRITS]} culprits on"),
        (VERDICT, f"more than {({2**22: '2²²'})[thresholds.MANY]} parameters"),
        (VERDICT, f"τ from {({16: 'sixteen'})[thresholds.JITTERS]} trials"),
        (VERDICT, f"or from {({4: 'four'})[probe.FEW]} beyond {({2**22: '2²²'})[thresholds.MANY]}"),
        (VERDICT, f"half the range over {({16: 'sixteen'})[thresholds.JITTERS]} trials"),
        (VERDICT, f"{thresholds.RTOL[np.dtype(np.float64)]:.0e} for float64".replace("e-0", "e-")),
        (VERDICT, f"{thresholds.RTOL[np.dtype(np.float32)]:.0e} for float32".replace("e-0", "e-")),
        (DISTRIBUTED, f"pieces of up to {sweep.PIECE:,} coordinates"),
        (SEARCH, f"two to five of 1 to {examples.WIDEST}"),
        (SEARCH, f"| 1 to {examples.LARGEST_BATCH} |"),
        (SEARCH, f"`--examples {EXAMPLES}` and `--seconds {SECONDS:.0f}`"),
        (DISTRIBUTED, f"lost {({3: 'three'})[executors.ATTEMPTS]} times"),
    ],
    ids=lambda x: getattr(x, "name", x),
)
def test_numbers_in_the_text_are_the_codes(document: Path, phrase: str) -> None:
    """Constants that the documents quote."""
    text = " ".join(document.read_text(encoding="utf-8").split())
    assert phrase.lower() in text.lower()


def test_every_fault_is_in_the_table_of_searches() -> None:
    """Found, and at a size below which none shows it."""
    *rows, _, total = between(SEARCH.read_text(encoding="utf-8"), "search").splitlines()[2:]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [f.title for f in FAULTS]
    assert total.startswith(f"{len(FAULTS)} of {len(FAULTS)} found, {len(FAULTS)} of a size below")


def test_a_missing_marker_is_found() -> None:
    """No pair, or two, is an error."""
    pair = "<!-- bench:begin -->\n1\n<!-- bench:end -->\n"
    assert between(pair, "bench") == "1"
    for text in ("", pair.replace("end", "done"), pair + pair):
        with pytest.raises(ValueError, match="values to unpack"):
            between(text, "bench")


def test_the_drawing_is_well_formed_and_described() -> None:
    """It has a title and a description for those who cannot see it, and needs nothing else."""
    svg = (ROOT / "docs" / "gears.svg").read_text(encoding="utf-8")
    root = ET.fromstring(svg)  # noqa: S314 the project's own file
    names = {child.tag.rpartition("}")[2] for child in root}
    assert {"title", "desc"} <= names
    assert "href" not in svg


def test_the_ends_listed_are_those_of_the_commands() -> None:
    """Code, name and sentence, in their order; and each is in the table once."""
    every = [end for end in vars(exit_codes).values() if isinstance(end, exit_codes.End)]
    rows = [f"| {end.code} | {end.name} | {end.says} |" for end in every]
    table = between(VERDICT.read_text(encoding="utf-8"), "ends")
    assert table.splitlines()[2:] == rows


def test_the_files_that_the_architecture_names_are_there() -> None:
    """Those with a path are where it says; those without one are in the folder named before."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w./]+?(?:\.py|(?<=\w)/[\w/]+))`", text)
    assert len(named) > 40
    folder = ROOT
    for name in named:
        path = ROOT / name if "/" in name else folder / name
        assert path.exists(), name
        folder = path if path.is_dir() else path.parent


def test_the_architecture_names_every_folder() -> None:
    """Of both packages, but for the rooms inside `checks/network`."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for package in ("backprop", "checks", "geartrain"):
        for path in (ROOT / package).rglob("__init__.py"):
            name = path.parent.relative_to(ROOT).as_posix()
            assert f"`{name}`" in text or name.startswith("checks/network/"), name
