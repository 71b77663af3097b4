"""Files that are damaged, forged or hostile: each is refused in a sentence, or read as it was."""

from __future__ import annotations

import gzip
import io
import json
import random
import resource
import tempfile
import warnings
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import injected
import numpy as np
from injected import Found, Inject, flipped, fuzz
from PIL import Image

from backprop import init_net
from backprop.datasets import idx
from backprop.datasets.idx import IdxError
from backprop.datasets.images import ImageError, read_images
from backprop.training.history import Epoch
from backprop.training.model_file import Model, StorageError, load_model, plain_values, save_model
from checks import check_gradients
from checks.network.certification import certificate as certificates
from checks.network.certification.certificate import Certificate, CertificateError
from checks.verdict.report import Report

# In memory, where there is such a place: a disk would take most of the time.
_MEMORY = "/dev/shm"  # noqa: S108 what is in it is removed
FOLDER = Path(tempfile.mkdtemp(dir=_MEMORY if Path(_MEMORY).is_dir() else None))
MEMORY = 400 << 20  # bytes that a hostile file may take
SIZE = (8, 8)


def _model() -> Model:
    net = init_net((6, 4, 3), dtype=np.float32, seed=1)
    epoch = Epoch(epoch=1, loss=0.5, test_accuracy=0.25, audit="pass: all")
    return Model(net=net, dataset="digits", peak=16, image_shape=(2, 3), history=(epoch,))


def _file(data: bytes, name: str = "f") -> Path:
    path = FOLDER / name
    path.write_bytes(data)
    return path


def _saved() -> bytes:
    save_model(FOLDER / "model", _model())
    return (FOLDER / "model").read_bytes()


def _same(found: Model, model: Model) -> bool:
    pairs = zip(found.net.parameters.values(), model.net.parameters.values(), strict=True)
    return plain_values(found) == plain_values(model) and all(
        a.tobytes() == b.tobytes() for a, b in pairs
    )


def _certificate() -> Certificate:
    return Certificate(
        fingerprint="ab" * 16, verdict="pass", shape=(3, 2), activations=("sigmoid",),
        cost="quadratic", dtype="float32", dtypes=("float32", "float64"), parameters=8, checked=6,
        zero=2, undecided=0, kinks=0, rtol=1e-6, batch=20, properties=("one", "two"), seed=3,
        created="2026-01-01T00:00:00+00:00", versions={"python": "3.12", "numpy": "2.1"},
    )  # fmt: skip


def _damaged(
    data: bytes, bits: range | list[int], ends: range, read: Callable[[bytes], str | None]
) -> Found:
    for bit in bits:
        lost = read(flipped(data, bit))
        yield lost and f"bit {bit}: {lost}"
    for end in ends:
        lost = read(data[:end])
        yield lost and f"cut at {end}: {lost}"


def _read_model(data: bytes) -> str | None:
    """What is lost by a damaged model: nothing, if it is refused or still the same."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return None if _same(load_model(_file(data)), _model()) else "accepted, and different"
    except StorageError:
        return None
    except Exception as error:  # noqa: BLE001 that is what is looked for
        return repr(error)


def models(count: int, rng: random.Random) -> Found:
    """Bits flipped, and every truncation; a checkpoint is such a file."""
    data = _saved()
    bits = [rng.randrange(8 * len(data)) for _ in range(max(0, count - len(data)))]
    yield from _damaged(data, bits, range(len(data)), _read_model)


def certificate_files(count: int, rng: random.Random) -> Found:
    """Bits flipped, and every truncation."""
    data = _certificate().to_json().encode()

    def read(changed: bytes) -> str | None:
        try:
            found = Certificate.from_json(changed.decode())
        except (CertificateError, UnicodeDecodeError):
            return None
        except Exception as error:  # noqa: BLE001 that is what is looked for
            return repr(error)
        return None if found == _certificate() else "accepted, and different"

    bits = [rng.randrange(8 * len(data)) for _ in range(max(0, count - len(data)))]
    yield from _damaged(data, bits, range(len(data)), read)


def forged_certificates(count: int, rng: random.Random) -> Found:
    """Fields changed, and the digest made for them."""
    odd: list[Any] = [None, -1, 10**9, 1.5, "x", [], {}, [[1]], True, float("nan"), ["a", 1]]
    for _ in range(count):
        plain = _certificate().to_dict()
        for key in rng.sample(sorted(plain), rng.choice((1, 1, 2))):
            plain[key] = rng.choice(odd)
        digest = certificates._digest(plain)  # noqa: SLF001 a forger knows it
        text = json.dumps({"format": 1, "digest": digest, **plain})
        try:
            found = Certificate.from_json(text)
            counts = found.checked + found.zero + found.undecided + found.kinks
            yield None if counts == found.parameters else f"believed: {found.summary}"
        except CertificateError:
            yield None
        except Exception as error:  # noqa: BLE001 that is what is looked for
            yield f"{error!r} at {text}"


def model_texts(count: int, rng: random.Random) -> Found:
    """Models with other bytes anywhere, header and metadata among them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seeds = [_saved(), *_headers()]
        yield from fuzz(seeds, lambda data: load_model(_file(data)), (StorageError,), count, rng)


def _headers() -> list[bytes]:
    """Models whose metadata are another text: deep, long, of other kinds."""
    from safetensors.numpy import save

    texts = ("[" * 5000, '{"format":' * 5000, '{"format": "geartrain-2"}', "7", '{"shape": "9"}')
    made = [save({"W1": np.zeros((2, 2), np.float32)}, {"geartrain": text}) for text in texts]
    header = b'{"W1":{"dtype":"F' + b"3" * 5000 + b'","shape":[1],"data_offsets":[0,4]}}'
    return [*made, len(header).to_bytes(8, "little") + header + bytes(4)]


def _idx_seeds() -> list[bytes]:
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 255, (2, 3, 4), np.uint8),
        np.arange(5, dtype=np.uint8),
        rng.normal(size=(2, 2)).astype(np.float32),
        np.arange(6, dtype=np.int16).reshape(3, 2),
        np.zeros((0, 4), np.float64),
    ]
    return [idx.dump(array) for array in arrays]


def idx_bytes(count: int, rng: random.Random) -> Found:
    """IDX files, unpacked."""
    yield from fuzz(_idx_seeds(), lambda d: idx.parse(d, source="f"), (IdxError,), count, rng)


def idx_gzipped(count: int, rng: random.Random) -> Found:
    """Gzipped IDX files, damaged before and after they were packed."""
    seeds = [gzip.compress(data, mtime=0) for data in _idx_seeds()]
    yield from fuzz(seeds, lambda d: idx.read(_file(d)), (IdxError,), count // 2, rng)

    def packed(data: bytes) -> object:
        return idx.read(_file(gzip.compress(data, 1, mtime=0)))

    yield from fuzz(_idx_seeds(), packed, (IdxError,), count - count // 2, rng)


def bombs(count: int, rng: random.Random) -> Found:
    """Small files that unpack to much more than their header promises, or promise too much."""
    small = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (1, 8, 8))
    huge = bytes([0, 0, 8, 3]) + b"\xff" * 12
    pack = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)  # a deflate stream, to be repeated
    filling = pack.compress(bytes(1 << 24)) + pack.flush(zlib.Z_FULL_FLUSH)
    for number in range(count):
        pack = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
        head = pack.compress(small if number % 2 else huge) + pack.flush(zlib.Z_FULL_FLUSH)
        magic = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3])
        path = _file(magic + head + rng.randrange(64, 96) * filling, "bomb")
        yield _within_memory(lambda path=path: idx.read(path), IdxError)


def _within_memory(action: Callable[[], object], refusal: type[Exception]) -> str | None:
    """Whether an action is refused, in a process that may have little more memory than now."""

    def limited() -> None:
        with Path("/proc/self/statm").open() as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))
        try:
            action()
        except refusal:
            raise SystemExit(0) from None
        except MemoryError:
            raise SystemExit(9) from None
        raise SystemExit(8)

    ran = injected.run(limited)
    return (
        None if ran.code == 0 else f"ended with {ran.code} instead of a refusal: {ran.err[-200:]}"
    )


def _pictures() -> list[bytes]:
    """A small picture of each kind."""
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(SIZE) * 4)
    made = []
    for kind, picture in (
        *(("PNG", grey), ("PNG", grey.convert("P")), ("PNG", grey.convert("I;16"))),
        *(("JPEG", grey), ("JPEG", grey.convert("RGB")), ("BMP", grey), ("GIF", grey)),
        *(("WEBP", grey.convert("RGB")), ("PPM", grey)),
    ):
        data = io.BytesIO()
        picture.save(data, kind)
        made.append(data.getvalue())
    return made


def _read_picture(data: bytes) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_images(
            str(_file(data, "p.png")), image_shape=SIZE, n_in=64, peak=255, dtype=np.float32
        )


def pictures(count: int, rng: random.Random) -> Found:
    """Pictures of the six kinds."""
    yield from fuzz(_pictures(), _read_picture, (ImageError, IdxError), count, rng)


def other_pictures(count: int, _: random.Random) -> Found:
    """Kinds that Pillow would read, whatever the file is called: EPS is a program."""
    grey, made = Image.fromarray(np.zeros(SIZE, np.uint8)), {}
    for kind in ("EPS", "TIFF", "ICO", "TGA", "PCX", "SGI", "DDS", "SPIDER", "MSP", "PDF"):
        data = io.BytesIO()
        mode = {"MSP": "1", "DDS": "RGBA"}.get(kind, "L")
        try:
            grey.convert(mode).save(data, kind)
        except (KeyError, OSError, ValueError):  # Pillow was built without it
            continue
        made[kind] = data.getvalue()
    for number in range(count):
        kind = sorted(made)[number % len(made)]
        try:
            _read_picture(made[kind])
        except (ImageError, IdxError):  # some begin like an IDX file
            yield None
        except Exception as error:  # noqa: BLE001 that is what is looked for
            yield f"{kind}: {error!r}"
        else:
            yield f"{kind}: read"


def reports(count: int, rng: random.Random) -> Found:
    """Earlier reports for --compare."""
    report = check_gradients(lambda x: (x**3).sum(), lambda x: -3 * x**2, np.ones(3))
    seeds = [replace(report, notes=("one",)).to_json().encode(), b"[" * 5000]

    def read(data: bytes) -> object:
        return Report.from_json(data.decode(errors="replace"))

    yield from fuzz(seeds, read, (ValueError,), count, rng)


def tidy() -> None:
    """Remove what was written."""
    for path in FOLDER.iterdir():
        path.unlink()
    FOLDER.rmdir()


ROWS: dict[str, tuple[Inject, int]] = {
    "bit flips and every truncation of a model or checkpoint": (models, 8000),
    "other bytes anywhere in a model, header and metadata": (model_texts, 100_000),
    "bit flips and every truncation of a certificate": (certificate_files, 8000),
    "forged or malformed certificates with a right digest": (forged_certificates, 100_000),
    "damaged IDX files": (idx_bytes, 1_000_000),
    "damaged gzipped IDX files": (idx_gzipped, 100_000),
    "IDX files that unpack to a gigabyte, or promise 2^96 bytes": (bombs, 20),
    "damaged pictures of the six kinds": (pictures, 100_000),
    "other kinds of pictures, EPS among them, named .png": (other_pictures, 100),
    "damaged reports for --compare": (reports, 20_000),
}
