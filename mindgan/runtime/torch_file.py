"""Weights from files of other frameworks, read as data: what `torch.save` wrote, old and new, and safetensors.

Formats: since PyTorch 1.6 a zip of ``<any>/data.pkl``, a pickle whose tensors name their storages, and
``<any>/data/<key>``, the storages; before, four pickles in a row (a number that marks the format, its version, the
machine's types, the object), the list of the storages' keys, and each storage behind its length.
"""

import io
import math
import mmap
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from safetensors import SafetensorError, deserialize

from mindgan.runtime.errors import UserError
from mindgan.runtime.pickles import Known, Name, Opaque, read_pickle

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
MAX_GROWTH = 4  # tensors may share storages, but no file of a megabyte becomes a gigabyte
WAY_OUT = "give a .pth file of a state dict, or a .safetensors file"

BFLOAT16 = "bfloat16"  # the upper half of a float32; NumPy has no such type
_NAMES = {  # NumPy's code: the names of storages, of torch's types and of those of safetensors
    "f4": ("FloatStorage", "float32", "F32"),
    "f8": ("DoubleStorage", "float64", "F64"),
    "f2": ("HalfStorage", "float16", "F16"),
    BFLOAT16: ("BFloat16Storage", "bfloat16", "BF16"),
    "i8": ("LongStorage", "int64", "I64"),
    "i4": ("IntStorage", "int32", "I32"),
    "i2": ("ShortStorage", "int16", "I16"),
    "i1": ("CharStorage", "int8", "I8"),
    "u1": ("ByteStorage", "uint8", "U8", "UntypedStorage"),
    "?": ("BoolStorage", "bool", "BOOL"),
}
_CODES = {name: code for code, names in _NAMES.items() for name in names}
_NESTED = ("state_dict", "model_state_dict", "model", "net", "params")  # where training scripts put it, in this order


@dataclass(eq=False)
class Block:
    """The bytes that a file keeps under one key."""

    num_bytes: int
    itemsize: int = 1
    data: bytes | None = None
    byteorder: str = "<"


@dataclass(eq=False)
class Storage:
    """`num` numbers of a block, from the byte `start` on."""

    code: str
    num: int
    block: Block
    start: int = 0


@dataclass(eq=False)
class TensorRecord:
    """A tensor as the file describes it; `offset` and `stride` count elements of the storage."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        """Of its values."""
        return math.prod(self.size) * _itemsize(self.storage.code)

    def array(self) -> np.ndarray:
        """The values, as an array of their own in the machine's byte order; bfloat16 as float32.

        Raises:
            ValueError: they do not lie in the storage, or the tensor is larger than it.
        """
        storage, block, num = self.storage, self.storage.block, math.prod(self.size)
        end = self.offset + sum((size - 1) * stride for size, stride in zip(self.size, self.stride, strict=True))
        itemsize = _itemsize(storage.code)
        if block.data is None or storage.start + storage.num * itemsize > len(block.data):
            raise ValueError("the numbers of a tensor are missing")
        if num > storage.num or (num and end >= storage.num):
            raise ValueError("a tensor reaches beyond its numbers")
        dtype = np.dtype(block.byteorder + {BFLOAT16: "u2", "?": "u1"}.get(storage.code, storage.code))
        if not num:
            return _finished(np.zeros(self.size, dtype), storage.code)
        strides = [stride * itemsize for stride in self.stride]
        start = storage.start + self.offset * itemsize
        return _finished(np.ndarray(self.size, dtype, block.data, start, strides), storage.code)


def read_state_dict(path: Path, *, part: str | None = None) -> dict[str, np.ndarray]:
    """The weights in a file, by name; nothing in the file is executed.

    Where training scripts wrapped the state dict (``{'state_dict': ...}``), it is found; what is no tensor is left
    out, and so is the prefix ``module.`` that data-parallel training puts before all names.

    Args:
        path: of `torch.save`, any version since 0.4, or safetensors; known by its content, not its name.
        part: the key of the state dict, where the file holds several.

    Returns:
        Arrays of float16, float32, float64, integers or bool; bfloat16 becomes float32.

    Raises:
        UserError: the file cannot be read, is damaged, or holds something else.
    """
    with _mapped(path) as file:
        head = bytes(file[:1024])
        if head.startswith(b"PK\x03\x04"):
            tree = _read_zip(path, len(file))
        elif head.startswith(b"\x80"):
            tree = read_legacy(file, str(path))  # type: ignore[arg-type]
        elif head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] < len(file):
            return _without_prefix(_read_safetensors(bytes(file), path))
        else:
            raise UserError(f"{path} {_other(head)}; {WAY_OUT}")
        records = _state_dict(tree, path, part)
        try:
            if sum(record.num_bytes for record in records.values()) > MAX_GROWTH * len(file):
                raise ValueError("its tensors are many times larger than the file")
            return _without_prefix({name: record.array() for name, record in records.items()})
        except ValueError as error:
            raise UserError(f"{path} is damaged: {error}; get the file again") from error


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    """The bytes of a file, not read before they are used."""
    try:
        with open(path, "rb") as file:
            if not file.seek(0, 2):
                raise UserError(f"{path} is empty; get the file again")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}; {WAY_OUT}") from error
    with mapped:
        yield mapped


def _other(head: bytes) -> str:
    """What a file is that is none of ours."""
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not weights: the download failed"
    if text.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the weights: fetch the file itself"
    if head.startswith(b"\x1f\x8b"):
        return "is compressed with gzip: unpack it first"
    if head[257:262] == b"ustar":
        return "is a tar archive, as PyTorch wrote before 0.2: save it again with a newer one"
    if all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in head):
        return "is a text file, not weights"
    return "is neither a PyTorch nor a safetensors file"


def _read_zip(path: Path, num_bytes: int) -> object:
    try:
        with zipfile.ZipFile(path) as archive:
            prefix = _prefix(archive, path)
            file = io.BytesIO(archive.read(_member(archive, f"{prefix}data.pkl")))
            blocks: dict[str, Block] = {}
            tree = read_pickle(file, str(path), known=TORCH, persistent=_storages(blocks))
            members = {key: _member(archive, f"{prefix}data/{key}") for key in blocks}
            if sum(member.file_size for member in members.values()) > num_bytes:
                raise ValueError("its storages overlap")
            order = archive.read(_member(archive, f"{prefix}byteorder")) if _has(archive, prefix, "byteorder") else b""
            for key, block in blocks.items():
                block.data, block.byteorder = archive.read(members[key]), ">" if order == b"big" else "<"
            return tree
    except _DAMAGES as error:
        raise UserError(f"{path} is damaged or cut short ({error}); get the file again") from error


_DAMAGES = (zipfile.BadZipFile, OSError, EOFError, ValueError, LookupError, RuntimeError, struct.error)


def _prefix(archive: zipfile.ZipFile, path: Path) -> str:
    """The folder in the archive, with ``/``, that holds the pickle."""
    names = archive.namelist()
    found = [name.removesuffix("data.pkl") for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(found) != 1:
        raise UserError(f"{path} is a zip of something else than weights; {WAY_OUT}")
    if _has(archive, found[0], "constants.pkl"):
        raise UserError(f"{path} is a TorchScript program, not a state dict; {WAY_OUT}")
    return found[0]


def _has(archive: zipfile.ZipFile, prefix: str, name: str) -> bool:
    return f"{prefix}{name}" in archive.NameToInfo


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """A member that is stored as it is, as PyTorch writes them all, so that none is larger than the file."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise ValueError(f"{name} is compressed or encrypted, which PyTorch does not do")
    return info


def read_legacy(file: BinaryIO, source: str) -> object:
    """The object in a stream of the format before PyTorch 1.6; its storages have their data.

    Args:
        file: stands at its beginning.
        source: what it is, for messages.

    Raises:
        UserError: it is damaged or something else.
    """
    if read_pickle(file, source) != LEGACY_MAGIC:
        raise UserError(f"{source} is a pickle of something else than PyTorch's weights; {WAY_OUT}")
    for _ in ("version", "types of the machine"):
        read_pickle(file, source)
    blocks: dict[str, Block] = {}
    tree = read_pickle(file, source, known=TORCH, persistent=_storages(blocks))
    keys = read_pickle(file, source)
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in blocks for key in keys):
        raise UserError(f"{source} is damaged: its list of storages is none; get the file again")
    for key in keys:
        block = blocks[key]
        announced = struct.pack("<Q", block.num_bytes // block.itemsize)
        is_announced = file.read(8) == announced
        block.data = file.read(block.num_bytes)
        if not is_announced or len(block.data) < block.num_bytes:
            raise UserError(f"{source} is damaged or cut short; get the file again")
    return tree


def _storages(blocks: dict[str, Block]) -> Callable[[object], object]:
    """The meaning of persistent ids, ('storage', type, key, device, num numbers[, view]); fills `blocks`."""

    def storage(identity: object) -> object:
        if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
            return Opaque("persistent", (identity,))  # such as the source of a module's class
        _, kind, key, _, num, *view = identity
        code = _code(kind)
        (num,) = _integers((num,))
        if not isinstance(key, str):
            raise ValueError("a storage has no key")
        block = blocks.setdefault(key, Block(num * _itemsize(code), _itemsize(code)))
        if block.num_bytes != num * _itemsize(code):
            raise ValueError("a storage has two sizes")
        return _view(Storage(code, num, block), view[0] if view else None)

    return storage


def _view(storage: Storage, view: object) -> Storage:
    """A part of a storage: (key, offset, num), as PyTorch before 0.4 has them."""
    if view is None:
        return storage
    if not isinstance(view, tuple) or len(view) != 3:
        raise ValueError("the view of a storage is none")
    offset, num = _integers(view[1:])
    if offset + num > storage.num:
        raise ValueError("the view of a storage reaches beyond it")
    return Storage(storage.code, num, storage.block, offset * _itemsize(storage.code))


def _read_safetensors(data: bytes, path: Path) -> dict[str, np.ndarray]:
    try:
        return {name: _from_safetensors(name, tensor) for name, tensor in deserialize(data)}
    except (SafetensorError, ValueError) as error:
        raise UserError(f"{path} is no whole safetensors file ({error}); get the file again") from error


def _from_safetensors(name: str, tensor: dict) -> np.ndarray:
    if tensor["dtype"] not in _CODES:
        raise ValueError(f"{name} is of the type {tensor['dtype']}, which is not supported")
    code, size = _CODES[tensor["dtype"]], tuple(tensor["shape"])
    stride = tuple(math.prod(size[axis + 1 :]) for axis in range(len(size)))
    block = Block(len(tensor["data"]), data=bytes(tensor["data"]))
    return TensorRecord(Storage(code, math.prod(size), block), 0, size, stride).array()


def _state_dict(tree: object, path: Path, part: str | None) -> dict[str, TensorRecord]:
    """The tensors of the state dict in what a file holds."""
    if isinstance(tree, Opaque):
        raise UserError(f"{path} holds a whole {tree.name}, not its weights; save its state_dict()")
    if not isinstance(tree, dict):
        raise UserError(f"{path} holds a {type(tree).__name__}, not a state dict; {WAY_OUT}")
    nested = {key: found for key, value in tree.items() if isinstance(key, str) and (found := _tensors(value))}
    usual = next((key for key in _NESTED if key in nested), None)
    if part is not None:
        if part not in nested:
            raise UserError(f"{path} has no part '{part}'; it has {', '.join(sorted(nested)) or 'none'}")
        return nested[part]
    if usual is not None:
        return nested[usual]
    if own := _tensors(tree):
        return own
    if len(nested) != 1:
        raise UserError(f"{path} holds {_several(nested)}; {WAY_OUT}")
    return next(iter(nested.values()))


def _several(nested: dict[str, dict]) -> str:
    return f"several state dicts ({', '.join(sorted(nested)[:10])}), not one" if nested else "no tensors"


def _tensors(value: object) -> dict[str, TensorRecord]:
    if not isinstance(value, dict):
        return {}
    return {key: each for key, each in value.items() if isinstance(key, str) and isinstance(each, TensorRecord)}


def _without_prefix(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if not all(name.startswith("module.") for name in arrays):
        return arrays
    return {name.removeprefix("module."): array for name, array in arrays.items()}


def _finished(values: np.ndarray, code: str) -> np.ndarray:
    values = np.array(values, values.dtype.newbyteorder("="), order="C")
    if code == BFLOAT16:
        return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return values != 0 if code == "?" else values


def _itemsize(code: str) -> int:
    return 2 if code == BFLOAT16 else np.dtype(code).itemsize


def _code(name: object) -> str:
    path = name.path if isinstance(name, Name) else ""
    last = path.rpartition(".")[2]
    if not path.startswith("torch.") or last not in _CODES:
        raise ValueError(f"its numbers are of the type {path or 'without a name'}, which is not supported")
    return _CODES[last]


def _integers(value: object) -> tuple[int, ...]:
    if not isinstance(value, (tuple, list)) or not all(type(each) is int and 0 <= each < 1 << 48 for each in value):
        raise ValueError("the shape or place of a tensor is none")
    if len(value) > 32:  # NumPy's limit
        raise ValueError("a tensor has too many axes")
    return tuple(value)


def _tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> TensorRecord:
    """`torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`."""
    if not isinstance(storage, Storage):
        raise ValueError("a tensor has no storage")
    record = TensorRecord(storage, _integers((offset,))[0], _integers(size), _integers(stride))
    if len(record.size) != len(record.stride):
        raise ValueError("the strides of a tensor are not those of its shape")
    return record


def _tensor_v3(storage: object, *args: object) -> TensorRecord:
    """`torch._utils._rebuild_tensor_v3`: of a storage of bytes; the type is the sixth argument behind it."""
    if not isinstance(storage, Storage) or len(args) < 6:
        raise ValueError("a tensor has no storage or type")
    code = _code(args[5])
    num = storage.num * _itemsize(storage.code) // _itemsize(code)
    return _tensor(Storage(code, num, storage.block, storage.start), *args[:3])


def _parameter(tensor: object, *_: object) -> object:
    return tensor


def _from_type(function: object, kind: object, args: object, *_: object) -> object:
    """`torch._tensor._rebuild_from_type_v2`: a tensor of a class of its own."""
    if function != Name("torch._utils._rebuild_tensor_v2") or not isinstance(args, tuple):
        raise ValueError("a tensor is made in an unknown way")
    return _tensor(*args)


def _size(*args: object) -> tuple[int, ...]:
    return _integers(args[0]) if args else ()


TORCH: Known = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _from_type,
    "torch.Size": _size,
}
"""What the pickles of PyTorch call to make tensors, for `read_pickle`; they become `TensorRecord`s."""
