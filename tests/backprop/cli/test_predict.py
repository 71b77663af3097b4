import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image

from backprop.cli import group
from backprop.datasets import idx, sources
from backprop.training.model_file import load_model, save_model
from tests.backprop.cli.pictures import draw, ten
from tests.backprop.cli.runs import bad, good


def test_predict_takes_pictures_and_idx_alike(trained: Path, tmp_path: Path) -> None:
    """The same digit as PNG, deep, colour, as floats, as IDX and gzipped: the same answer."""
    data = sources.load("digits")
    pixels = data.test_images[3].reshape(8, 8)
    bright = np.round(pixels * (255 / 16)).astype(np.uint8)
    Image.fromarray(bright).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([bright] * 3)).save(tmp_path / "colour.png")
    Image.fromarray(bright.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray((pixels / 16).astype(np.float32)).save(tmp_path / "float.pfm")
    idx.write(tmp_path / "one.idx", pixels)
    idx.write(tmp_path / "many.gz", data.test_images[:5].reshape(-1, 8, 8))
    names = ["grey.png", "colour.png", "deep.png", "float.pfm", "one.idx", "many.gz"]
    paths = [tmp_path / name for name in names]
    result = good("predict", trained, *paths, "--json", tmp_path / "r")
    found = json.loads((tmp_path / "r").read_text())
    assert [row["image"] for row in found] == [
        *map(str, paths[:5]),
        *(f"{paths[5]}[{i}]" for i in range(5)),
    ]
    same = [found[i] for i in (0, 1, 2, 3, 4, 8)]
    assert {row["class"] for row in same} == {int(data.test_labels[3])}
    for row in same:
        np.testing.assert_allclose(row["outputs"], found[8]["outputs"], atol=0.05)
    first = f"{paths[0]}: {found[0]['class']} (activation {max(found[0]['outputs']):.4f})"
    assert result.stdout.splitlines()[0] == first
    assert json.loads(good("predict", trained, *paths, "--json", "-").stdout) == found


def test_predict_refuses_what_it_cannot_take(trained: Path, tmp_path: Path) -> None:
    """Wrong size, no image, no file, no pixels: each by name."""
    Image.fromarray(np.zeros((28, 20), np.uint8)).save(tmp_path / "large.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes((tmp_path / "large.png").read_bytes()[:40])
    idx.write(tmp_path / "large.idx", np.zeros((1, 28, 28), np.uint8))
    idx.write(tmp_path / "labels.idx", np.zeros(3, np.uint8))
    (tmp_path / "cut.idx").write_bytes(b"\x00\x00\x08")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "program.png", format="EPS")
    for name, brightest in {"bright.pfm": 255, "nan.pfm": np.nan, "dark.pfm": -1}.items():
        Image.fromarray(np.full((8, 8), brightest, np.float32)).save(tmp_path / name)
    for name, message in {
        "bright.pfm": "expected greys from 0, black, to 1, white, found 255 to 255; scale them",
        "nan.pfm": "expected greys from 0, black, to 1, white, found nan to nan",
        "dark.pfm": "expected greys from 0, black, to 1, white, found -1 to -1",
        "text.png": "a picture (PNG, JPEG, BMP, GIF, WebP, PGM) or an IDX file, found neither",
        "cut.png": "expected",
        "program.png": "or an IDX file, found neither (cannot identify image file",
        "large.idx": "found 28 x 28",
        "labels.idx": "expected images of bytes, (count, rows, columns), found shape (3,)",
        "cut.idx": "expected",
        "none.png": "expected an image, found: No such file or directory",
    }.items():
        found = bad(2, "predict", trained, tmp_path / name)
        assert f"Error: {tmp_path / name}: " in found or f"{tmp_path / name}" in found
        assert message in found
    assert "IMAGE" in bad(2, "predict", trained)


def test_predict_takes_pictures_of_any_kind(trained: Path, tmp_path: Path) -> None:
    """A folder by name, standard input; what was found out is said, and can be said beforehand."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "notes.txt").write_text("no picture")
    for digit, picture in ten():
        picture.save(folder / f"{digit}.png")
    lines = good("predict", trained, folder).stdout.splitlines()
    named = [line for line in lines if not line.startswith("  ")]
    assert [line.partition(":")[0] for line in named] == [
        str(folder / f"{d}.png") for d in range(10)
    ]
    ends = [line.rpartition(", ")[2] for line in named]
    assert ends == [f"{'light on dark' if d in (1, 7, 8) else 'dark on light'}" for d in range(10)]
    found = json.loads(good("predict", trained, folder, "--json", "-").stdout)
    assert sum(row["class"] == digit for digit, row in enumerate(found)) >= 7  # of 8 x 8 pixels
    assert [row["dark_on_light"] for row in found] == [d not in (1, 7, 8) for d in range(10)]
    piped = CliRunner().invoke(
        group.main, ["predict", str(trained), "-"], input=(folder / "3.png").read_bytes()
    )
    assert piped.exit_code == 0, piped.output
    assert piped.stdout.splitlines()[0].partition(": ")[2] == named[3].partition(": ")[2]
    other = good("predict", trained, folder / "3.png", "--ink", "light").stdout
    assert "light on dark" in other
    said = bad(2, "predict", trained, folder / "3.png", "--ink", "as-is")
    assert "expected 8 x 8 pixels (width x height), the size the model was trained on" in said
    (tmp_path / "empty").mkdir()
    assert "empty: expected pictures in the folder" in bad(
        2, "predict", trained, tmp_path / "empty"
    )


def test_predict_stands_a_photo_upright(trained: Path, tmp_path: Path) -> None:
    """As the camera says it was held."""
    upright, turned = tmp_path / "a.jpg", tmp_path / "b.jpg"
    draw(7).save(upright, quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    draw(7).rotate(90).save(turned, quality=95, exif=exif)
    one, other = json.loads(good("predict", trained, upright, turned, "--json", "-").stdout)
    np.testing.assert_allclose(one["outputs"], other["outputs"], atol=0.05)


def test_predict_says_what_it_does_not_know(trained: Path, tmp_path: Path) -> None:
    """No ink, far too much of it, and outputs that say nothing."""
    Image.new("L", (60, 60), 128).save(tmp_path / "blank.png")
    full = Image.new("L", (300, 300), 220)
    full.paste(20, (70, 50, 230, 260))
    full.save(tmp_path / "square.png")
    paths = [tmp_path / "blank.png", tmp_path / "square.png"]
    result = good("predict", trained, *paths, "--json", tmp_path / "r")
    said = " ".join(result.stdout.split())
    assert "blank.png: nothing there is no ink to be seen" in said
    assert "square.png: " in said
    assert "it looks like nothing the model was trained on: " in said
    blank, square = json.loads((tmp_path / "r").read_text())
    assert blank["class"] is None
    assert "is ink, of the images in training" in square["doubts"][0]
    model = load_model(trained)
    for weights, doubt in ((0, "no output is above 0.5"), (1, "not sure: it could be ")):
        model.net.weights[1][:] = 0
        model.net.biases[1][:] = 5 * weights - (0 if weights else 5)
        save_model(tmp_path / "m", model)
        draw(3).save(tmp_path / "three.png")
        assert doubt in good("predict", tmp_path / "m", tmp_path / "three.png").stdout


def test_predict_shows_what_the_network_sees(trained: Path, tmp_path: Path) -> None:
    """When asked to, or in a terminal; not in a pipe."""
    draw(0).save(tmp_path / "o.png")
    lines = good("predict", trained, tmp_path / "o.png", "--picture").stdout.splitlines()
    shown = [line for line in lines if line.startswith("  |")]
    assert len(shown) == 4
    assert {len(line) for line in shown} == {12}
    assert "█" in "".join(shown)
    assert "  |" not in good("predict", trained, tmp_path / "o.png").stdout


def test_a_model_from_before_shares_of_ink_were_kept(trained: Path, tmp_path: Path) -> None:
    """It is read all the same."""
    save_model(tmp_path / "m", replace(load_model(trained), ink_share=None))
    draw(0).save(tmp_path / "o.png")
    good("predict", tmp_path / "m", tmp_path / "o.png")
