"""IDX bytes to arrays and back, and what a malformed file is told."""

import contextlib
import gzip
import struct
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from backprop.datasets import idx
from backprop.datasets.idx import IdxError

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
LETTERS = {"u1": "B", "i1": "b", "i2": "h", "i4": "i", "f4": "f", "f8": "d"}  # those of struct

kinds = st.sampled_from([order + name for name in CODES for order in "<>"])
shapes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)
arrays = kinds.flatmap(lambda kind: hnp.arrays(kind, shapes))

SAMPLE = idx.dump(np.arange(6, dtype=np.uint8).reshape(2, 3))


def same(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    """Alike to the last bit, NaN's payload included."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def message_of(data: bytes) -> str:
    """What the author of a malformed file is told."""
    with pytest.raises(IdxError) as caught:
        idx.parse(data, source="here.idx")
    return str(caught.value)


def array_or_message(data: bytes) -> npt.NDArray[Any] | str:
    """What parsing gives: an array, or what the IdxError says."""
    try:
        return idx.parse(data, source="here.idx")
    except IdxError as error:
        return str(error)


@given(arrays)
def test_every_dtype_and_shape_comes_back(array: npt.NDArray[Any]) -> None:
    """What is dumped is parsed to the same bits, in the machine's byte order, read-only."""
    before = array.copy()
    back = idx.parse(idx.dump(array), source="here.idx")
    assert same(back, array.astype(array.dtype.newbyteorder("=")))
    assert back.dtype.isnative
    assert not back.flags.writeable
    assert same(array, before)


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_layout_is_the_published_one(kind: str, code: int) -> None:
    """Two zeros, the code, the dimensions, big-endian sizes, big-endian values in C order."""
    values = [[1, 2, 3], [4, 5, 6]]
    expected = struct.pack(">4B2I", 0, 0, code, 2, 2, 3)
    expected += struct.pack(f">6{LETTERS[kind]}", *range(1, 7))
    assert idx.dump(np.asfortranarray(np.array(values, kind))) == expected
    assert idx.parse(expected, source="here.idx").tolist() == values


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "byte 0: expected a header of at least 4 bytes, found an empty file"),
        (b"\0\0\x08", "byte 3: expected a header of at least 4 bytes, found 3 bytes"),
        (b"PK\x08\x01", "byte 0: expected an IDX file's two zero bytes, found 50 4b"),
        (
            b"\0\0\x0a\x01\0\0\0\0",
            "byte 2: expected a dtype code (0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e), found 0x0a",
        ),
        (b"\0\0\x08\0\x07", "byte 3: expected 1 to 64 dimensions, found 0"),
        (b"\0\0\x08\xff" + 1020 * b"\1", "byte 3: expected 1 to 64 dimensions, found 255"),
        (
            SAMPLE[:9],
            "byte 9: expected 8 bytes from byte 4 on, for 2 dimensions, found 5 (cut short)",
        ),
        (
            SAMPLE[:-1],
            (
                "byte 17: expected 6 bytes from byte 12 on, for 2 x 3 values of uint8, "
                "found 5 (cut short)"
            ),
        ),
        (
            SAMPLE + b"\0",
            (
                "byte 18: expected 6 bytes from byte 12 on, for 2 x 3 values of uint8, "
                "found 7 (too long)"
            ),
        ),
        (
            b"\0\0\x0e\x03" + 12 * b"\xff",
            (
                f"byte 16: expected {8 * (2**32 - 1) ** 3} bytes from byte 16 on, for "
                "4294967295 x 4294967295 x 4294967295 values of float64, found 0 (cut short)"
            ),
        ),
        (
            b"\0\0\x08\x03" + 8 * b"\xff" + 4 * b"\0",
            (
                "byte 4: expected dimensions that fit into memory, "
                "found 4294967295 x 4294967295 x 0 values of uint8"
            ),
        ),
    ],
)
def test_malformed_bytes_are_told_where_and_what(data: bytes, expected: str) -> None:
    """The message has the file's name, the offset, what was expected, what was found, a remedy."""
    assert message_of(data) == f"here.idx, {expected}; fetch or write the file again"


@given(arrays, st.data())
def test_any_cut_and_any_extension_is_refused(array: npt.NDArray[Any], data: st.DataObject) -> None:
    """No prefix of a file and nothing appended to it passes for a file."""
    whole = idx.dump(array)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert message_of(whole[:cut]).startswith("here.idx, byte ")
    assert message_of(whole + data.draw(st.binary(min_size=1, max_size=9))).count("too long") == 1


@given(arrays, st.data())
def test_a_corrupt_header_is_refused_or_means_what_it_says(
    array: npt.NDArray[Any], data: st.DataObject
) -> None:
    """A header byte changed gives an IdxError, or an array that dumps to those very bytes."""
    corrupt = bytearray(idx.dump(array))
    corrupt[data.draw(st.integers(0, 3 + 4 * array.ndim))] = data.draw(st.integers(0, 255))
    answer = array_or_message(bytes(corrupt))
    if isinstance(answer, str):
        assert answer.startswith("here.idx, byte ")
    else:
        assert idx.dump(answer) == bytes(corrupt)


@given(st.binary(max_size=40))
def test_arbitrary_bytes_raise_nothing_but_an_idx_error(tail: bytes) -> None:
    """Whatever follows a plausible beginning, the answer is an array or an IdxError."""
    answer = array_or_message(b"\0\0" + tail)
    assert isinstance(answer, str) or idx.dump(answer) == b"\0\0" + tail


@pytest.mark.parametrize("array", [np.arange(3), np.zeros(2, complex), np.zeros(2, bool)])
def test_a_dtype_without_a_code_is_refused(array: npt.NDArray[Any]) -> None:
    """The message names the dtypes that the format has, and what came."""
    with pytest.raises(IdxError) as caught:
        idx.dump(array)
    assert str(caught.value) == (
        "array: expected dtype uint8, int8, int16, int32, float32, float64, "
        f"got {array.dtype}; convert it with astype first"
    )


@pytest.mark.parametrize("shape", [(), (0, 2**32)])
def test_a_shape_that_the_header_cannot_hold_is_refused(shape: tuple[int, ...]) -> None:
    """Neither a scalar nor a dimension of 2**32 has a place in the header."""
    with pytest.raises(
        IdxError, match="array: expected 1 or more dimensions, each below 2"
    ) as caught:
        idx.dump(np.empty(shape, np.uint8))
    assert f"got {shape}; reshape it" in str(caught.value)


@pytest.mark.parametrize("name", ["a.idx", "a.idx.gz", "a-idx2-ubyte.gz"])
def test_a_file_comes_back(tmp_path: Path, name: str) -> None:
    """What is written is read again, gzipped where the name says so; nothing else is left."""
    array = np.arange(20, dtype=np.int16).reshape(4, 5)
    idx.write(tmp_path / name, array)
    assert same(idx.read(tmp_path / name), array)
    assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_gzip_is_known_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    """A gzipped file without the suffix is read, and so is a plain one with it."""
    (tmp_path / "plain.gz").write_bytes(SAMPLE)
    (tmp_path / "packed").write_bytes(gzip.compress(SAMPLE[:8]) + gzip.compress(SAMPLE[8:]))
    expected = [[0, 1, 2], [3, 4, 5]]
    assert idx.read(tmp_path / "plain.gz").tolist() == expected
    assert idx.read(str(tmp_path / "packed")).tolist() == expected


def test_equal_arrays_give_equal_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the time nor the file's name enters a gzipped file."""
    idx.write(tmp_path / "one.gz", np.arange(9, dtype=np.uint8))
    monkeypatch.setattr("time.time", lambda: 1e9)
    idx.write(tmp_path / "another.gz", np.arange(9, dtype=np.uint8))
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "another.gz").read_bytes()


def test_a_write_that_fails_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted before the last step, the old file is whole and no draft is left beside it."""
    path = tmp_path / "a.idx"
    idx.write(path, np.arange(3, dtype=np.uint8))
    before = path.read_bytes()

    def interrupted(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        idx.write(path, np.arange(9, dtype=np.uint8))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_array_without_a_place_writes_no_file(tmp_path: Path) -> None:
    """The array is checked before the file is touched."""
    with pytest.raises(IdxError):
        idx.write(tmp_path / "a.idx", np.arange(3))
    assert not list(tmp_path.iterdir())


def test_malformed_files_are_named(tmp_path: Path) -> None:
    """The path is named; offsets in a gzipped file are those of what it unpacks to."""
    plain, packed = tmp_path / "plain", tmp_path / "packed.gz"
    plain.write_bytes(SAMPLE[:-1])
    packed.write_bytes(gzip.compress(SAMPLE[:-1]))
    with pytest.raises(IdxError) as of_plain:
        idx.read(plain)
    with pytest.raises(IdxError) as of_packed:
        idx.read(packed)
    assert str(of_plain.value).startswith(f"{plain}, byte 17: expected 6 bytes")
    assert str(of_packed.value).startswith(f"{packed} (unpacked), byte 17: expected 6 bytes")


NOISE = np.random.default_rng(0).integers(0, 256, 50_000, dtype=np.uint8)
PACKED = gzip.compress(idx.dump(NOISE), mtime=0)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (PACKED[:20_000], "byte 20000: expected more of the gzip stream, found the file's end"),
        (PACKED[:2], "byte 2: expected more of the gzip stream, found the file's end"),
        (
            PACKED + b"more",
            f"byte {len(PACKED)}: expected the end of the gzip stream, found 4 bytes more",
        ),
        (
            PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],
            (
                "byte 49152: expected an intact gzip stream in the 16 KiB from here on, "
                "found incorrect data check"
            ),
        ),
        (
            PACKED[:2] + b"\x07" + PACKED[3:],
            (
                "byte 0: expected an intact gzip stream in the 16 KiB from here on, "
                "found unknown compression method"
            ),
        ),
    ],
)
def test_damaged_gzip_is_told_where_and_what(tmp_path: Path, data: bytes, expected: str) -> None:
    """A stream that is cut, continued or corrupted is an IdxError with its offset in the file."""
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    with pytest.raises(IdxError) as caught:
        idx.read(path)
    assert str(caught.value) == f"{path}, {expected}; fetch or write the file again"


@given(st.data())
def test_any_damage_to_gzip_is_an_idx_error_or_does_no_harm(data: st.DataObject) -> None:
    """A cut or a changed byte never raises anything else, and never gives other values."""
    packed = bytearray(gzip.compress(SAMPLE, mtime=0))
    at = data.draw(st.integers(0, len(packed) - 1))
    if data.draw(st.booleans(), label="cut"):
        del packed[at:]
    else:
        packed[at] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.gz"
        path.write_bytes(packed)
        with contextlib.suppress(IdxError):
            assert idx.dump(idx.read(path)) == SAMPLE


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    """That a file cannot be read is not the file's fault."""
    with pytest.raises(FileNotFoundError):
        idx.read(tmp_path / "nowhere")


def test_no_more_is_unpacked_than_the_header_promises(tmp_path: Path) -> None:
    """64 MiB in 64 KiB, of which 8 bytes are promised: refused, in a fraction of that memory."""
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(b"\0\0\x08\1\0\0\0\x08" + bytes(1 << 26)))
    tracemalloc.start()
    with pytest.raises(IdxError) as caught:
        idx.read(bomb)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "byte 16: expected 8 bytes from byte 8 on, found 16384 more, and no end" in str(
        caught.value
    )
    assert taken < 1 << 21


def test_a_promise_beyond_memory_takes_none(tmp_path: Path) -> None:
    """A header of 2**64 values before four bytes: told by what is there."""
    (tmp_path / "f").write_bytes(b"\0\0\x08\2" + b"\xff" * 8 + b"abcd")
    with pytest.raises(IdxError, match=r"found 4 \(cut short\)"):
        idx.read(tmp_path / "f")


def test_a_file_without_end_is_refused() -> None:
    """By its first bytes."""
    with pytest.raises(IdxError, match="a dtype code"):
        idx.read("/dev/zero")
