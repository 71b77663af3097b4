import numpy as np
import pytest
from PIL import Image

from backprop.datasets import fitting, sources
from tests.backprop.cli.pictures import draw, photographed

MNIST = (28, 28)


def greys(picture: Image.Image) -> fitting.Floats:
    """A picture as numbers."""
    return np.asarray(picture.convert("L"), float) / 255


def likeness(one: fitting.Floats, other: fitting.Floats) -> float:
    """How alike two pictures are: the cosine of the angle between them, to a pixel."""
    by = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    found = max((one * np.roll(other, shift, (0, 1))).sum() for shift in by)
    return float(found / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize(
    "options",
    [
        {"ink": 255, "paper": 0},
        {"ink": 90, "paper": 170},
        {"size": (600, 400), "box": (0.6, 0.1, 0.2, 0.3)},
        {"size": (1500, 1500), "box": (0.05, 0.3, 0.6, 0.6)},
        {"width": 0.03},
    ],
    ids=["light", "grey", "off", "large", "thin"],
)
def test_the_same_digit_comes_out_the_same(digit: int, options: dict[str, object]) -> None:
    """However it is inked, wherever it stands, and however large it is."""
    usual = fitting.fit(greys(draw(digit)), MNIST)
    other = fitting.fit(greys(draw(digit, **options)), MNIST)  # type: ignore[arg-type]
    assert usual.dark_on_light
    assert other.dark_on_light is ("ink" not in options or options["ink"] == 90)
    assert likeness(usual.pixels, other.pixels) > 0.85


def test_uneven_light_and_noise_are_taken_off() -> None:
    """As on a photo: the paper is black then, to its last pixel but a few."""
    usual = fitting.fit(greys(draw(3)), MNIST).pixels
    photo = fitting.fit(greys(photographed(draw(3, size=(640, 640)))), MNIST).pixels
    assert likeness(usual, photo) > 0.9
    assert (photo[0] < 0.02).all()


@pytest.mark.parametrize("digit", range(10))
def test_the_ink_is_placed_as_mnists_is(digit: int) -> None:
    """In a box of 20 rows or columns, with its centre of mass in the middle, from 0 to 1."""
    pixels = fitting.fit(greys(draw(digit)), MNIST).pixels
    rows, columns = (np.flatnonzero(pixels.max(axis=k) > 0.2) for k in (1, 0))
    longest = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    assert 19 <= longest <= 20
    for axis in (0, 1):
        mass = pixels.sum(axis=1 - axis)
        assert abs(mass @ (np.arange(28) + 0.5) / mass.sum() - 14) <= 0.51
    assert pixels.min() == 0
    assert pixels.max() == 1
    assert fitting.is_fitted(pixels)


def test_small_fields_are_filled() -> None:
    """As the small digits fill theirs."""
    pixels = fitting.fit(greys(draw(8)), (8, 8)).pixels
    assert pixels.shape == (8, 8)
    assert (pixels.max(axis=1) > 0.2).all()


def test_images_of_training_are_known() -> None:
    """They are as they should be; upside down in brightness, or in a corner, they are not."""
    data = sources.load("digits")
    images = data.test_images[:100].reshape(-1, 8, 8) / data.peak
    assert np.mean([fitting.is_fitted(image) for image in images]) > 0.95
    assert not any(fitting.is_fitted(1 - image) for image in images)
    corner = np.zeros(MNIST)
    corner[:8, :8] = images[0]
    assert not fitting.is_fitted(corner)
    assert not fitting.is_fitted(0.2 + corner * 0.8)


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_a_blank_picture_has_no_ink(grey: float) -> None:
    """Nor has a shadow, or noise that is as strong everywhere."""
    noise = np.random.default_rng(0).normal(0, 0.01, (100, 100))
    shadow = np.linspace(0, 0.3, 100)[None, :]
    for picture in (np.full((100, 100), grey), np.clip(grey * 0.6 + shadow + noise, 0, 1)):
        fitted = fitting.fit(picture, MNIST)
        assert fitted.blank
        assert not fitted.pixels.any()


def test_what_is_said_of_the_ink_holds() -> None:
    """Whatever the edge looks like."""
    picture = greys(draw(0))
    assert fitting.fit(picture, MNIST, ink="dark").dark_on_light
    light = fitting.fit(picture, MNIST, ink="light")
    assert not light.dark_on_light
    assert light.pixels.mean() > 2 * fitting.fit(picture, MNIST, ink="dark").pixels.mean()


def test_transparent_parts_are_paper() -> None:
    """Of the other end of the scale than a drawing, or of the colour of what is opaque."""
    ink = greys(draw(3, ink=255, paper=0))
    for shade in (0.0, 0.1, 0.9, 1.0):
        paper = fitting.over_paper(np.full_like(ink, shade), ink)
        assert paper[0, 0] == float(shade < 0.5)
    sheet = np.ones((50, 50))
    sheet[20:30, 20:30] = 0
    opaque = np.ones((50, 50))
    opaque[:5] = 0
    assert (fitting.over_paper(sheet, opaque)[:5] == 1).all()
    assert (fitting.over_paper(sheet, np.zeros_like(sheet)) == 1).all()
