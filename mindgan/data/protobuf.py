"""The few bytes of Protocol Buffers that a tf.train.Example is made of.

Formats: "Protocol Buffers, Encoding"; TensorFlow, example.proto and feature.proto.
"""

from collections.abc import Iterator

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5  # wire types
MAX_VARINT_BYTES = 10
MAX_FIELDS = 64  # of one message, and numbers of a list; an image has two, and three
EXAMPLE_FEATURES, MAP_ENTRY, ENTRY_KEY, ENTRY_VALUE, LIST_VALUE = 1, 1, 1, 2, 1
BYTES_LIST, INT64_LIST = 1, 3


class Malformed(ValueError):
    """Bytes that are no such message; the message is half a line."""


def example_features(data: memoryview) -> dict[str, memoryview | list[int]]:
    """The features of a tf.train.Example by name: bytes (the first of a list, not copied) or whole numbers.

    Lists of floats are left out. Of a name that stands twice the last one counts.

    Raises:
        Malformed: the bytes are no Example.
    """
    found: dict[str, memoryview | list[int]] = {}
    for features in _parts(data, EXAMPLE_FEATURES):
        for entry in _parts(features, MAP_ENTRY):
            name = b"".join(_parts(entry, ENTRY_KEY)).decode("utf-8", "replace")
            for feature in _parts(entry, ENTRY_VALUE):
                for values in _parts(feature, BYTES_LIST):
                    found.update((name, value) for value in list(_parts(values, LIST_VALUE))[:1])
                for values in _parts(feature, INT64_LIST):
                    found[name] = _whole_numbers(values)
    return found


def _parts(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """The fields of this number that have a length of their own."""
    return (value for field, value in _fields(message) if field == wanted and isinstance(value, memoryview))


def _whole_numbers(message: memoryview) -> list[int]:
    """An Int64List, packed or not."""
    numbers: list[int] = []
    for field, value in _fields(message):
        if field == LIST_VALUE:
            numbers += [value] if isinstance(value, int) else _packed(value)
    return [value - (1 << 64) if value >> 63 else value for value in numbers]


def _packed(data: memoryview) -> Iterator[int]:
    if len(data) > MAX_FIELDS * MAX_VARINT_BYTES:
        raise Malformed("it is no image (a list of too many numbers)")
    place = 0
    while place < len(data):
        value, place = _varint(data, place)
        yield value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of every field: whole numbers, and views of what has a length; the fixed ones are skipped."""
    place = num_fields = 0
    while place < len(message):
        num_fields += 1
        if num_fields > MAX_FIELDS:
            raise Malformed("it is no image (too many fields)")
        tag, place = _varint(message, place)
        wire_type = tag & 7
        if wire_type == VARINT:
            value, place = _varint(message, place)
            yield tag >> 3, value
            continue
        if wire_type == DELIMITED:
            length, place = _varint(message, place)
        elif wire_type in (FIXED32, FIXED64):
            length = 4 if wire_type == FIXED32 else 8
        else:
            raise Malformed(f"it is no tf.train.Example (wire type {wire_type})")
        if length > len(message) - place:
            raise Malformed("it is no tf.train.Example (a field longer than its message)")
        if wire_type == DELIMITED:
            yield tag >> 3, message[place : place + length]
        place += length


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """A number of 64 bits, and where it ends."""
    value = 0
    for index, byte in enumerate(data[place : place + MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, place + index + 1
    raise Malformed("it is no tf.train.Example (a number that does not end)")
