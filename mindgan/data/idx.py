"""The IDX format of MNIST: a big-endian header, then unsigned bytes; plain or gzip.

Format: http://yann.lecun.com/exdb/mnist/ ("FILE FORMATS FOR THE MNIST DATABASE").
"""

import gzip
import io
import struct
import zlib
from pathlib import Path

import numpy as np

from mindgan.runtime.errors import UserError

UBYTE = 0x08  # the type code of unsigned bytes, the only one MNIST uses
MAX_BYTES = 1 << 30  # a compressed file may not unpack to more than this


def read_bytes(path: Path) -> bytes:
    """The content of an IDX file, unpacked where its name ends in ``.gz``.

    Raises:
        UserError: the file cannot be read, is not whole, or unpacks to more than 1 GiB.
    """
    try:
        if path.suffix != ".gz":
            return path.read_bytes()
        with gzip.open(path) as file:
            data = file.read(MAX_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is not a whole gzip file ({error}); fetch it again") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise UserError(f"{path} unpacks to more than 1 GiB; it is not an MNIST file")
    return data


def parse(data: bytes, path: Path, *, ndim: int) -> np.ndarray:
    """The array in an IDX file's content: uint8, `ndim` axes.

    Args:
        data: the unpacked content.
        path: where it came from, for the error messages.
        ndim: 3 for images [N, H, W], 1 for labels [N].

    Raises:
        UserError: wrong magic number, or more or fewer bytes than the header says.
    """
    header = 4 + 4 * ndim
    if len(data) < header:
        raise UserError(f"{path} is truncated: {len(data)} bytes, its header alone has {header}; fetch it again")
    magic = struct.unpack(">I", data[:4])[0]
    if magic != UBYTE << 8 | ndim:
        wanted = "images" if ndim == 3 else "labels"
        raise UserError(f"{path} is no IDX file of {wanted}: magic number {magic:#010x}, not {UBYTE << 8 | ndim:#010x}")
    shape = struct.unpack(f">{ndim}I", data[4:header])
    expected = int(np.prod(shape, dtype=object))
    if len(data) - header != expected:
        state = "truncated" if len(data) - header < expected else "too long"
        raise UserError(
            f"{path} is {state}: its header announces {expected} bytes of data, "
            f"there are {len(data) - header}; fetch it again"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def encode(array: np.ndarray) -> bytes:
    """`array` (uint8, 1 to 255 axes) as the bytes of a gzipped IDX file; the same array gives the same bytes."""
    assert array.dtype == np.uint8, array.dtype
    header = struct.pack(f">I{array.ndim}I", UBYTE << 8 | array.ndim, *array.shape)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as file:
        file.write(header + np.ascontiguousarray(array).tobytes())
    return packed.getvalue()
