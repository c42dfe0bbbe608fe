"""The reader of pickles against Python's own writer, on every protocol, and against streams that mean harm."""

import array
import io
import struct
from collections import OrderedDict
from multiprocessing.reduction import ForkingPickler  # the standard library's writer; nothing here may load its reader
from pathlib import Path

import numpy as np
import pytest

from mindgan.runtime.errors import UserError
from mindgan.runtime.pickles import Name, Opaque, numpy_array, read_pickle

PROTOCOLS = range(6)


class Point:
    """A class as a pickle may name it."""

    def __init__(self, x: object, y: object):
        self.x, self.y = x, y


class Parts(dict):
    """A dictionary of a class of its own."""


class Row(list):
    """A list of a class of its own."""


class Made:
    """An object that tells how it is to be made."""

    def __reduce__(self):
        return (Point, (1, "two"))


class Keyed:
    """An object that is made with keyword arguments."""

    def __new__(cls, *, size: int = 1):
        return super().__new__(cls)

    def __getnewargs_ex__(self):
        return (), {"size": 3}


def written(value: object, protocol: int = 4) -> bytes:
    return bytes(ForkingPickler.dumps(value, protocol))


def read(data: bytes, **settings: object) -> object:
    return read_pickle(io.BytesIO(data), "some.pkl", **settings)


VALUES = {
    "constants": [None, True, False],
    "integers": [0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1, -(2**31), 2**31, 2**63, -(2**63), 2**2100, -(2**2100)],
    "floats": [0.0, -1.5, 1e300, float("inf")],
    "texts": ["", "abc", "äöü\n\\u1234", "x" * 300, "\U0001f600", "two\nlines"],
    "bytes": [b"", b"abc\x00\xff", bytes(range(256)) * 2, bytearray(b"12\xff")],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((), ((),))],
    "containers": [[], [1], [[1], [2, [3]]], {}, {"a": 1}, {1: {2: 3}, (1, "x"): [4]}, set(), {1, 2}, frozenset({"q"})],
    "long": [list(range(2500)), {n: str(n) for n in range(2500)}, set(range(2500))],
    "ordered": OrderedDict([("b", 1), ("a", OrderedDict())]),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", VALUES)
def test_plain_values_come_back(name, protocol):
    found = read(written(VALUES[name], protocol))
    assert found == VALUES[name]
    assert repr(found) == repr(VALUES[name]).replace("OrderedDict([", "").replace("])", "") or name in (
        "ordered",
        "long",
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_order_sharing_and_cycles_are_kept(protocol):
    shared: list = ["shared"]
    shared.append(shared)
    found = read(written({"z": shared, "a": shared}, protocol))
    assert list(found) == ["z", "a"]
    assert found["z"] is found["a"] is found["z"][1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_unknown_classes_become_records(protocol):
    made, point, parts, row = read(written([Made(), Point(1, [2]), Parts(a=1), Row([5, 6])], protocol))
    assert isinstance(made, Opaque)
    assert made.name == f"{__name__}.Point"
    assert made.args == (1, "two")
    assert (point.name, point.state) == (f"{__name__}.Point", {"x": 1, "y": [2]})
    assert parts.name == f"{__name__}.Parts"
    assert parts.items == [("a", 1)] or parts.args == ({"a": 1},)  # protocols 0 and 1
    assert row.items == [5, 6] or row.args == ([5, 6],)
    assert repr(point) == f"Opaque('{__name__}.Point')"


@pytest.mark.parametrize("protocol", [4, 5])
def test_keyword_arguments_are_in_the_record(protocol):
    keyed = read(written(Keyed(), protocol))
    assert (keyed.name, keyed.kwargs) == (f"{__name__}.Keyed", {"size": 3})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_known_names_are_called_and_others_are_names(protocol):
    known = {f"{__name__}.Point": lambda x, y: ("made", x, y)}
    assert read(written([Made(), Point], protocol), known=known) == [("made", 1, "two"), Name(f"{__name__}.Point")]


def test_opcodes_of_old_classes():
    assert read(b"(I1\nS'two'\nia.b\nPoint\n.").args == (1, "two")  # INST
    found = read(b"(ca.b\nPoint\nK\x01K\x02o}X\x01\x00\x00\x00xK\x05sb.")  # OBJ and BUILD
    assert (found.name, found.args, found.state) == ("a.b.Point", (1, 2), {"x": 5})


def test_persistent_ids_are_asked_for():
    known = {"storage 7": "seven", ("storage", 8): "eight"}
    assert read(b"(Pstorage 7\n(X\x07\x00\x00\x00storageK\x08tQl.", persistent=known.get) == ["seven", "eight"]
    assert read(b"Pstorage 7\n.") == "storage 7"


def test_stops_behind_the_pickle():
    file = io.BytesIO(written(1) + written("two") + b"rest")
    assert read_pickle(file, "x") == 1
    assert read_pickle(file, "x") == "two"
    assert file.read() == b"rest"


@pytest.mark.parametrize("protocol", PROTOCOLS[1:])
@pytest.mark.parametrize(
    "values",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
        np.arange(4, dtype=">f8"),
        np.zeros((0, 3), np.uint8),
        np.array(True),
        np.float32(1.5),
    ],
    ids=["float32", "fortran", "big-endian", "empty", "no-axes", "scalar"],
)
def test_numpy_arrays(values, protocol):
    found = numpy_array(read(written(values, protocol)))
    np.testing.assert_array_equal(found, values)
    assert found.dtype == np.asarray(values).dtype.newbyteorder("=")


NO_NUMBERS = [1, np.array(["text"]), np.array([None]), Point(1, 2), np.dtype("f4")]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: type(value).__name__)
def test_what_is_no_array_of_numbers_is_refused(value):
    with pytest.raises(ValueError, match=r"array"):
        numpy_array(read(written(value)))


def test_an_array_without_its_numbers_is_refused():
    array_record = read(written(np.zeros(4)))
    array_record.state = (*array_record.state[:4], b"short")
    with pytest.raises(ValueError, match="buffer"):
        numpy_array(array_record)


def harm(command: str) -> bytes:
    return b"cposix\nsystem\n(S'" + command.encode() + b"'\ntR."


def test_nothing_is_executed(tmp_path: Path):
    trace = tmp_path / "trace"
    found = read(harm(f"touch {trace}"))
    assert (found.name, found.args) == ("posix.system", (f"touch {trace}",))
    for function in ("builtins\neval", "__builtin__\nexec", "os\nsystem"):
        assert isinstance(
            read(b"c" + function.encode() + b"\n(S'open(\"" + str(trace).encode() + b'","w")\'\ntR.'), Opaque
        )
    assert not trace.exists()


def test_what_is_called_must_be_a_name():
    getter = b"cbuiltins\ngetattr\n(cposix\nenviron\nS'get'\ntR(S'HOME'\ntR."  # calls the result of a call
    with pytest.raises(UserError, match="other than a name is called"):
        read(getter)


WHOLE = written({"a": [1, 2.5, "x" * 300], "b": {1, 2}, "c": (Made(), b"123")}, 4)


@pytest.mark.parametrize("end", range(len(WHOLE)))
def test_truncated_anywhere_is_an_error(end):
    with pytest.raises(UserError, match=r"some.pkl holds a damaged pickle"):
        read(WHOLE[:end])


def test_flipped_bytes_give_data_or_a_user_error():
    rng = np.random.default_rng(0)
    sound = damaged = 0
    for protocol in PROTOCOLS:
        whole = written({"a": [1, 2.5, "text"], "b": {1, 2}, "c": (Made(), b"123"), "d": np.zeros(3)}, protocol)
        for _ in range(500):
            data = bytearray(whole)
            data[rng.integers(len(data))] = rng.integers(256)
            try:
                read(bytes(data))
                sound += 1
            except UserError:
                damaged += 1
    assert sound > 100
    assert damaged > 100


HOSTILE = {
    "a text": (b"hello world\n", "no part 101"),
    "nothing": (b"", "exhausted"),
    "no value": (b".", "unpack"),
    "two values": (b"NN.", "unpack"),
    "only a mark": (b"(.", "mark"),
    "no mark": (b"Nt.", "mark"),
    "a mark as value": (b"(\x85.", "missing"),
    "no such memo": (b"h\x07.", "no part 7"),
    "empty stack": (b"q\x00.", "index"),
    "a length beyond the end": (b"\x8e" + struct.pack("<Q", 1 << 40) + b"abc.", "bytes"),
    "a negative length": (b"T" + struct.pack("<i", -5) + b"abc.", "count"),
    "append to a number": (b"K\x01K\x02a.", "no list"),
    "set in a list": (b"]K\x02K\x03s.", "no dictionary"),
    "a key without a value": (b"}(K\x01u.", "zip"),
    "a list as a key": (b"}]K\x03s.", "key"),
    "an extension": (b"\x82\x01.", "EXT1"),
    "a buffer from elsewhere": (b"\x97.", "NEXT_BUFFER"),
    "a wrong name": (b"K\x01K\x02\x93.", "no text"),
    "wrong arguments": (b"c_codecs\nencode\n(K\x01tR.", "unknown way"),
    "too many arguments": (b"ccollections\nOrderedDict\n(K\x01K\x02K\x03K\x04tR.", "argument"),
    "a dictionary of a number": (b"cbuiltins\ndict\n(K\x01tR.", "iterable"),
    "a number of 10000 digits": (b"I" + b"9" * 10000 + b"\n.", "digits"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_streams_are_refused_in_a_line(name):
    data, reason = HOSTILE[name]
    with pytest.raises(UserError, match=reason) as caught:
        read(data)
    assert str(caught.value).startswith("some.pkl holds a damaged pickle (")
    assert "\n" not in str(caught.value)


def test_a_length_beyond_the_end_claims_no_memory(tmp_path):
    path = tmp_path / "long.pkl"  # a real file allocates before it reads
    path.write_bytes(b"\x8e" + struct.pack("<Q", 1 << 62) + b"abc.")
    with path.open("rb") as file, pytest.raises(UserError, match="damaged"):
        read_pickle(file, "long.pkl")


def test_too_many_operations_are_refused():
    with pytest.raises(UserError, match="more than 1000 operations"):
        read(b"]" * 5000 + b".", max_opcodes=1000)


@pytest.mark.parametrize(
    "call",
    [b"c_codecs\nencode\n(h\x00tR", b"cbuiltins\nbytearray\n(h\x00S'latin-1'\ntR", b"cbuiltins\nlist\n(h\x01tR"],
)
def test_copies_of_one_part_do_not_fill_the_memory(call):
    parts = b"X" + struct.pack("<I", 500_000) + b"x" * 500_000 + b"q\x00(" + b"N" * 500_000 + b"lq\x01"
    assert read(b"(" + parts + call * 2 + b"l.")
    with pytest.raises(UserError, match="copies more than it holds"):
        read(b"(" + parts + call * 10_000 + b"l.", max_opcodes=2_000_000)


def test_deep_nesting_is_read_and_let_go():
    found = read(b"]" + b"(" * 100_000 + b"l" * 100_000 + b"a.")
    depth = 0
    while found:
        found, depth = found[0], depth + 1
    assert depth == 100_000
    assert read(b")" + b"\x85" * 100_000 + b".")


def test_a_key_of_tuples_that_doubles_a_thousand_times_takes_no_time():
    bomb = b")" + b"2\x86" * 1000  # t = (t, t), whose hash visits 2^1000 places
    with pytest.raises(UserError, match="key"):
        read(b"}" + bomb + b"Ns.")
    with pytest.raises(UserError, match="key"):
        read(b"\x8f(" + bomb + b"\x90.")
    assert len(read(bomb + b".")) == 2


def test_arrays_of_the_standard_library_stay_records():
    assert read(written(array.array("d", [1.0]))).name.startswith("array.")
