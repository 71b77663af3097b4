"""IDX bytes to arrays and back: the format that MNIST's files come in.

`parse` and `dump` are pure; `read` and `write` put a file, gzipped or plain, around them. The
format: two zero bytes, a code for the dtype, the number of dimensions, each dimension as a
big-endian 32-bit number, and then the values, big-endian, last dimension fastest.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from backprop.system import atomic_files

DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CODES = {np.dtype(kind).newbyteorder("="): code for code, kind in DTYPES.items()}
_NAMES = ", ".join(dtype.name for dtype in _CODES)
_CODE_LIST = ", ".join(f"0x{code:02x}" for code in DTYPES)
_MOST_DIMENSIONS = 64  # NumPy's own limit
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK, _PIECE = 1 << 14, 1 << 20
_RATIO = 1032  # what gzip can make smaller: the longest match, 258 bytes, takes two bits at least
_AGAIN = "fetch or write the file again"


class IdxError(ValueError):
    """Bytes that are no IDX file, or an array that cannot become one."""


def parse(data: bytes | bytearray, *, source: str) -> npt.NDArray[Any]:
    """The array that `data`, the whole of an IDX file, holds.

    Parameters
    ----------
    data
        The file's bytes, unpacked.
    source
        The file's name, for error messages.

    Returns
    -------
    ndarray
        Read-only, in the machine's byte order, of the shape that the header gives. Single-byte
        values are not copied: the array is a view of `data`.

    Raises
    ------
    IdxError
        Where the header or the length is wrong; it names the byte offset, what was expected
        there and what was found.
    """
    kind, shape = _header(data, source)
    start, count = 4 + 4 * len(shape), math.prod(shape)
    size, found = count * kind.itemsize, len(data) - start
    extent = f"{' x '.join(map(str, shape))} values of {kind.name}"
    if found != size:  # compared before any array is made, however large the header's claim
        offset = start + min(size, found)
        expected = f"{size} bytes from byte {start} on, for {extent}"
        _fault(source, offset, expected, f"{found} ({'cut short' if found < size else 'too long'})")
    try:
        flat = np.frombuffer(data, kind, count, start) if count else np.empty(0, kind)
        array = flat.reshape(shape)
    except (ValueError, MemoryError):  # no values at all, and dimensions beyond NumPy's reach
        _fault(source, 4, "dimensions that fit into memory", extent)
    array = array.astype(kind.newbyteorder("="), copy=False)
    array.flags.writeable = False
    return array


def _header(data: bytes | bytearray, source: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The dtype as stored, and the shape."""
    if len(data) < 4:
        found = f"{len(data)} bytes" if data else "an empty file"
        _fault(source, len(data), "a header of at least 4 bytes", found)
    if data[:2] != b"\0\0":
        _fault(source, 0, "an IDX file's two zero bytes", data[:2].hex(" "))
    code, dimensions = data[2], data[3]
    if code not in DTYPES:
        _fault(source, 2, f"a dtype code ({_CODE_LIST})", f"0x{code:02x}")
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        _fault(source, 3, f"1 to {_MOST_DIMENSIONS} dimensions", str(dimensions))
    if len(data) < 4 + 4 * dimensions:
        expected = f"{4 * dimensions} bytes from byte 4 on, for {dimensions} dimensions"
        _fault(source, len(data), expected, f"{len(data) - 4} (cut short)")
    return np.dtype(DTYPES[code]), struct.unpack_from(f">{dimensions}I", data, 4)


def _fault(source: str, offset: int, expected: str, found: str, remedy: str = _AGAIN) -> NoReturn:
    raise IdxError(
        f"{source}, byte {offset}: expected {expected}, found {found}; {remedy}"
    ) from None


def dump(array: npt.ArrayLike) -> bytes:
    """The bytes of an IDX file that holds `array`.

    Parameters
    ----------
    array
        Of 1 to 64 dimensions, each below 2**32; uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    IdxError
        Where the format has no place for such an array.
    """
    values = np.asarray(array)
    kind = values.dtype.newbyteorder("=")
    if kind not in _CODES:
        raise IdxError(f"array: expected dtype {_NAMES}, got {kind}; convert it with astype first")
    if not values.ndim or max(values.shape) >= 1 << 32:
        expected = "1 or more dimensions, each below 2**32"
        raise IdxError(f"array: expected {expected}, got {values.shape}; reshape it")
    code = _CODES[kind]
    header = struct.pack(f">4B{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
    return header + values.astype(DTYPES[code], copy=False).tobytes()


def read(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """`parse` the file at `path`; gzip is known by its first bytes, whatever the file is called.

    Raises
    ------
    IdxError
        Where the file is malformed or its gzip stream damaged.
    OSError
        Where it cannot be read.
    """
    source = os.fspath(path)
    with Path(path).open("rb") as file:
        packed = file.peek(2).startswith(_GZIP_MAGIC)
        unpacked = f"{source} (unpacked)" if packed else source
        most = _RATIO * os.fstat(file.fileno()).st_size if packed else None
        try:
            data = _bounded(gzip.GzipFile(fileobj=file) if packed else file, unpacked, most)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            file.seek(0)
            _fault(source, *_gzip_fault(file))
    return parse(data, source=unpacked)


def _bounded(stream: io.BufferedIOBase, source: str, most: int | None) -> bytearray:
    """What the header promises, and of what comes after it no more than shows that it is there.

    A header that promises more than `most`, all that can come, is told before that is read.
    """
    data = bytearray(stream.read(4))
    if len(data) == 4 and data[:2] == b"\0\0":
        data += stream.read(4 * data[3])
    kind, shape = _header(data, source)
    start, size = len(data), math.prod(shape) * kind.itemsize
    if most and size > most:
        expected = f"{size} bytes from byte {start} on"
        _fault(source, start, expected, f"a gzip stream that holds {most} at most (cut short)")
    end = start + size + _CHUNK
    while piece := stream.read(min(end - len(data), _PIECE)):
        data += piece
    if len(data) == end:
        expected = f"{size} bytes from byte {start} on"
        _fault(source, start + size, expected, f"{_CHUNK} more, and no end (too long)")
    return data


def _gzip_fault(file: io.BufferedIOBase) -> tuple[int, str, str]:
    """Where a damaged gzip stream breaks, what was expected there and what was found.

    The offset is that of the 16 KiB piece in which unpacking stopped.
    """
    stream, offset = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), 0
    while piece := file.read(_CHUNK):
        try:
            stream.decompress(piece)
        except zlib.error as error:
            found = str(error).rpartition(": ")[2]
            return offset, "an intact gzip stream in the 16 KiB from here on", found
        offset += len(piece)
        if stream.eof:
            end = offset - len(stream.unused_data)
            offset += sum(map(len, iter(lambda: file.read(_PIECE), b"")))
            return end, "the end of the gzip stream", f"{offset - end} bytes more"
    return offset, "more of the gzip stream", "the file's end"


def write(path: str | os.PathLike[str], array: npt.ArrayLike) -> None:
    """Write `array` to `path`, gzipped where the name ends in `.gz`.

    The same array gives the same bytes. The file appears whole or not at all.

    Raises
    ------
    IdxError
        Where the format has no place for such an array.
    OSError
        Where the file cannot be written.
    """
    path, data = Path(path), dump(array)
    if path.suffix == ".gz":
        data = _gzipped(data)
    atomic_files.write(path, data)


def _gzipped(data: bytes) -> bytes:
    """`data` gzipped without a time or a name, so that equal arrays give equal files."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as packed:
        packed.write(data)
    return buffer.getvalue()
