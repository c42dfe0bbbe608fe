"""Reads pickles and executes nothing: a stream of opcodes becomes plain data, whatever it asks to be called.

Python's own reader imports and calls what the stream names. This one knows a few names, given by the caller, as
functions of its own; every other object stays a record of what the stream says about it.

The opcodes are those of protocols 0 to 5, as the standard library's `pickletools` documents them.
"""

import os
import pickletools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, cast

import numpy as np

from mindgan.runtime.errors import UserError

MAX_OPCODES = 1_000_000  # each makes 100 bytes or so; the weights of a large network have ten thousand

FREE_COPIES = 1 << 20  # bytes and elements that known functions may be given beyond the length of the file

_MARK = object()
_SIZED = (str, bytes, bytearray, list, tuple, dict, set, frozenset)


@dataclass(frozen=True)
class Name:
    """A class or function that the stream names: ``module.name``; it is never looked up."""

    path: str


@dataclass(eq=False, repr=False)
class Opaque:
    """An object of a class that is not known: how it would have been made, and filled.

    Attributes:
        name: the class or function that would have been called.
        args: with these arguments.
        kwargs: and these.
        state: what its state would have been set to, None without.
        items: what would have been appended, or set, then as pairs of key and value.
    """

    name: str
    args: tuple = ()
    kwargs: dict = field(default_factory=dict)
    state: object = None
    items: list = field(default_factory=list)

    def __repr__(self) -> str:  # not of what it holds, which may hold itself
        return f"Opaque({self.name!r})"


Function = Callable[..., object]
Known = Mapping[str, Function]


def read_pickle(
    file: BinaryIO,
    source: str,
    *,
    known: Known | None = None,
    persistent: Function | None = None,
    max_opcodes: int = MAX_OPCODES,
) -> object:
    """The data of one pickle; `file` stands behind its end afterwards.

    What comes out may share parts and hold itself, so walk it to a bounded depth.

    Args:
        file: stands at the first opcode, and can seek.
        source: what it is, for messages.
        known: functions for the names they stand in for, called with the arguments that the stream gives; where those
            are not what they should be, they raise ValueError or TypeError. The containers of the standard library are
            known anyway. Where a name is not called, it is a `Name`. What they return should be of the size of their
            arguments, which is bounded by the length of the file.
        persistent: gets the persistent ids of the stream and returns what they mean; without it they stay as they are.
        max_opcodes: bounds memory and time.

    Returns:
        None, bool, int, float, str, bytes, bytearray, tuple, list, dict, set, frozenset, `Name`, `Opaque`, and what
        `known` and `persistent` return.

    Raises:
        UserError: the stream is damaged, too long, or does what no pickle of data does.
    """
    bounded = _Bounded(file)
    machine = _Machine({**PLAIN, **(known or {})}, persistent or (lambda key: key), bounded.num_bytes + FREE_COPIES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of escapes in damaged texts
            for number, (opcode, argument, _) in enumerate(pickletools.genops(cast(BinaryIO, bounded))):
                if number >= max_opcodes:
                    raise UserError(f"{source} holds a pickle of more than {max_opcodes} operations: it is no data")
                machine.step(opcode.name, argument)
        return machine.result()
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{source} holds a damaged pickle ({reason}); get the file again") from error


class _Bounded:
    """A file whose `read` does not claim memory for more than is there."""

    def __init__(self, file: BinaryIO):
        self.readline, self.tell, self._read = file.readline, file.tell, file.read
        start = file.tell()
        file.seek(0, os.SEEK_END)
        self._end = file.tell()
        self.num_bytes = self._end - start
        file.seek(start)

    def read(self, num: int) -> bytes:
        return self._read(min(num, self._end - self.tell()))


class _Machine:
    """The stack and memo of the pickle machine."""

    def __init__(self, known: Known, persistent: Function, most_copied: int):
        self.stack: list = []
        self.memo: dict[int, object] = {}
        self.known = known
        self.persistent = persistent
        self.most_copied = most_copied

    def step(self, name: str, argument: object) -> None:
        """Executes one opcode; `argument` is what `pickletools` reads behind it."""
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _TUPLES:
            self.stack.append(tuple([self._pop() for _ in range(_TUPLES[name])][::-1]))
        elif name in _GETS:
            if argument not in self.memo:
                raise ValueError(f"it has no part {argument}")
            self.stack.append(self.memo[_integer(argument)])
        elif name in _PUTS:
            self.memo[_integer(argument)] = self._top()
        elif name not in _IGNORED:
            method = getattr(self, f"op_{name.lower()}", None)
            if method is None:
                raise ValueError(f"the opcode {name} is not for files")
            method(argument)

    def result(self) -> object:
        (value,) = self.stack
        if value is _MARK:
            raise ValueError("it ends with a mark")
        return value

    def _pop(self) -> object:
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("a value is missing")
        return value

    def _pop_to_mark(self) -> list:
        start = len(self.stack) - 1
        while start >= 0 and self.stack[start] is not _MARK:
            start -= 1
        if start < 0:
            raise ValueError("a mark is missing")
        values = self.stack[start + 1 :]
        del self.stack[start:]
        return values

    def _top(self) -> object:
        if self.stack[-1] is _MARK:
            raise ValueError("a value is missing")
        return self.stack[-1]

    def _push_call(self, function: object, args: object, kwargs: dict | None = None) -> None:
        if not isinstance(function, Name) or not isinstance(args, tuple):
            raise ValueError("something other than a name is called")
        stand_in = self.known.get(function.path)
        if stand_in is None:
            self.stack.append(Opaque(function.path, args, kwargs or {}))
            return
        self.most_copied -= sum(len(each) for each in args if isinstance(each, _SIZED))
        if self.most_copied < 0:  # the same text, turned into bytes again and again
            raise ValueError("it copies more than it holds")
        self.stack.append(stand_in(*args, **(kwargs or {})))

    def op_pop(self, _: object) -> None:
        self.stack.pop()

    def op_mark(self, _: object) -> None:
        self.stack.append(_MARK)

    def op_pop_mark(self, _: object) -> None:
        self._pop_to_mark()

    def op_dup(self, _: object) -> None:
        self.stack.append(self._top())

    def op_memoize(self, _: object) -> None:
        self.memo[len(self.memo)] = self._top()

    def op_tuple(self, _: object) -> None:
        self.stack.append(tuple(self._pop_to_mark()))

    def op_list(self, _: object) -> None:
        self.stack.append(self._pop_to_mark())

    def op_dict(self, _: object) -> None:
        values = self._pop_to_mark()
        self.stack.append({})
        self._set(values)

    def op_frozenset(self, _: object) -> None:
        self.stack.append(frozenset(map(_key, self._pop_to_mark())))

    def op_append(self, _: object) -> None:
        self._extend([self._pop()])

    def op_appends(self, _: object) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, values: list) -> None:
        target = self._top()
        into = target.items if isinstance(target, Opaque) else target
        if not isinstance(into, list):
            raise ValueError("something is appended to what is no list")
        into.extend(values)

    def op_setitem(self, _: object) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def op_setitems(self, _: object) -> None:
        self._set(self._pop_to_mark())

    def _set(self, values: list) -> None:
        target = self._top()
        pairs = list(zip(values[::2], values[1::2], strict=True))
        if isinstance(target, Opaque):
            target.items.extend(pairs)
        elif isinstance(target, dict):
            target.update((_key(key), value) for key, value in pairs)
        else:
            raise ValueError("something is set in what is no dictionary")

    def op_additems(self, _: object) -> None:
        values = self._pop_to_mark()
        target = self._top()
        if isinstance(target, set):
            target.update(map(_key, values))
        else:
            self._extend(values)

    def op_global(self, argument: object) -> None:
        self.stack.append(Name(str(argument).replace(" ", ".", 1)))

    def op_stack_global(self, _: object) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("a name is no text")
        self.stack.append(Name(f"{module}.{name}"))

    def op_reduce(self, _: object) -> None:
        args, function = self._pop(), self._pop()
        self._push_call(function, args)

    op_newobj = op_reduce

    def op_newobj_ex(self, _: object) -> None:
        kwargs, args, function = self._pop(), self._pop(), self._pop()
        if not isinstance(kwargs, dict) or not all(isinstance(key, str) for key in kwargs):
            raise ValueError("keyword arguments are no dictionary")
        self._push_call(function, args, kwargs)

    def op_inst(self, argument: object) -> None:
        self._push_call(Name(str(argument).replace(" ", ".", 1)), tuple(self._pop_to_mark()))

    def op_obj(self, _: object) -> None:
        function, *args = self._pop_to_mark()
        self._push_call(function, tuple(args))

    def op_build(self, _: object) -> None:
        state, target = self._pop(), self._top()
        if isinstance(target, Opaque):  # the attributes of anything else, such as OrderedDict's, are left out
            target.state = state

    def op_persid(self, argument: object) -> None:
        self.stack.append(self.persistent(argument))

    def op_binpersid(self, _: object) -> None:
        self.stack.append(self.persistent(self._pop()))


_LITERALS = frozenset(
    [
        *["INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"],
        *["STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"],
        *["UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"],
    ]
)
_CONSTANTS: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_GETS = frozenset(("GET", "BINGET", "LONG_BINGET"))
_PUTS = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))
_IGNORED = frozenset(("PROTO", "FRAME", "STOP"))


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(f"{value!r} is no integer")
    return value


def _key(value: object) -> object:
    """`value`, if its hash takes a moment: that of tuples within tuples can take for ever."""
    parts = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(part, (str, int, float, bytes, Name, Opaque, type(None))) for part in parts):
        raise ValueError("a key is neither plain nor a tuple of plain values")
    return value


def _dictionary(items: object = ()) -> dict:
    if isinstance(items, dict):
        return dict(items)
    pairs = [tuple(pair) for pair in items if isinstance(pair, (list, tuple))]  # type: ignore[attr-defined]
    return {_key(key): value for key, value in pairs}


def _sequence(make: Callable[[list], object]) -> Function:
    def made(items: object = ()) -> object:
        if not isinstance(items, (list, tuple, set, frozenset)):
            raise ValueError("a container is made of what is none")
        return make(list(items))

    return made


def _encoded(text: object, encoding: object = "latin-1") -> bytes:
    """Bytes, as protocols up to 2 write them."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise ValueError("bytes are written in an unknown way")
    return text.encode(str(encoding))


def _bytearray(data: object = b"", encoding: object = None) -> bytearray:
    if not isinstance(data, (bytes, bytearray, str)):
        raise ValueError("bytes are made of something else")
    return bytearray(_encoded(data, encoding) if isinstance(data, str) else data)


def _bytes() -> bytes:
    return b""


def _reconstructed(kind: object, base: object = None, state: object = None) -> Opaque:
    """An object as protocols 0 and 1 write it."""
    if not isinstance(kind, Name):
        raise ValueError("an object has no class")
    return Opaque(kind.path, () if state is None else (state,))


_CONTAINERS: dict[str, Function] = {
    "set": _sequence(lambda items: set(map(_key, items))),
    "frozenset": _sequence(lambda items: frozenset(map(_key, items))),
    "list": _sequence(list),
    "tuple": _sequence(tuple),
    "dict": _dictionary,
    "bytearray": _bytearray,
    "bytes": _bytes,
}
PLAIN: dict[str, Function] = {
    "collections.OrderedDict": _dictionary,
    "_codecs.encode": _encoded,
    "copy_reg._reconstructor": _reconstructed,
    "copyreg._reconstructor": _reconstructed,
    **{f"{module}.{name}": made for module in ("builtins", "__builtin__") for name, made in _CONTAINERS.items()},
}
"""What every reading knows."""


def numpy_array(value: object) -> np.ndarray:
    """The array, or scalar as an array [], that NumPy pickled and `read_pickle` left as a record.

    Raises:
        ValueError: it is something else, or its numbers are not there.
    """
    if not isinstance(value, Opaque):
        raise ValueError("it is no record of an array")
    kind = value.name.rpartition(".")[2]
    if not value.name.startswith("numpy."):
        raise ValueError(f"{value.name} is no array")
    if kind == "_reconstruct" and isinstance(value.state, tuple) and len(value.state) == 5:
        _, shape, dtype, is_fortran, data = value.state
        return _array(shape, _dtype(dtype), data, "F" if is_fortran else "C")
    if kind == "_frombuffer" and len(value.args) == 4:
        data, dtype, shape, order = value.args
        return _array(shape, _dtype(dtype), data, "F" if order == "F" else "C")
    if kind == "scalar" and len(value.args) == 2:
        return _array((), _dtype(value.args[0]), value.args[1], "C")
    raise ValueError(f"{value.name} is no array")


def _dtype(record: object) -> np.dtype:
    """`numpy.dtype(code, align, copy)` with the state (version, byte order, ...), numbers and booleans only."""
    if not isinstance(record, Opaque) or record.name != "numpy.dtype" or not record.args:
        raise ValueError("an array has no type")
    code, state = record.args[0], record.state
    if not isinstance(code, str) or code[:1] not in "biufc" or not code[1:].isdecimal():
        raise ValueError(f"an array has the type {code!r}, which is none of numbers")
    order = state[1] if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "=", "|") else "="
    try:
        return np.dtype(f"{order}{code}")
    except TypeError as error:
        raise ValueError(f"an array has the type {code!r}, which NumPy does not know") from error


def _array(shape: object, dtype: np.dtype, data: object, order: str) -> np.ndarray:
    if isinstance(data, str):  # Python 2 wrote its bytes so
        data = data.encode("latin-1")
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape) or len(shape) > 32:
        raise ValueError("an array has no shape")
    if not isinstance(data, (bytes, bytearray)):
        raise ValueError("the numbers of an array are missing")
    array = np.frombuffer(bytes(data), dtype).reshape(shape, order="F" if order == "F" else "C")
    return array.astype(dtype.newbyteorder("="))
