"""TFRecords for tests, written by other programs: protobuf makes the message, tensorboardX the record."""

from pathlib import Path

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorboardX.record_writer import RecordWriter

FIELD = descriptor_pb2.FieldDescriptorProto
NESTED = {  # TensorFlow, example.proto and feature.proto: (name, number, label, type, message)
    "BytesList": [("value", 1, FIELD.LABEL_REPEATED, FIELD.TYPE_BYTES, None)],
    "FloatList": [("value", 1, FIELD.LABEL_REPEATED, FIELD.TYPE_FLOAT, None)],
    "Int64List": [("value", 1, FIELD.LABEL_REPEATED, FIELD.TYPE_INT64, None)],
    "Feature": [
        ("bytes_list", 1, FIELD.LABEL_OPTIONAL, FIELD.TYPE_MESSAGE, "BytesList"),
        ("float_list", 2, FIELD.LABEL_OPTIONAL, FIELD.TYPE_MESSAGE, "FloatList"),
        ("int64_list", 3, FIELD.LABEL_OPTIONAL, FIELD.TYPE_MESSAGE, "Int64List"),
    ],
    "Entry": [
        ("key", 1, FIELD.LABEL_OPTIONAL, FIELD.TYPE_STRING, None),
        ("value", 2, FIELD.LABEL_OPTIONAL, FIELD.TYPE_MESSAGE, "Feature"),
    ],
    "Features": [("feature", 1, FIELD.LABEL_REPEATED, FIELD.TYPE_MESSAGE, "Entry")],
    "Example": [("features", 1, FIELD.LABEL_OPTIONAL, FIELD.TYPE_MESSAGE, "Features")],
}


def _classes(*, packed: bool) -> dict[str, type]:
    package = f"tests{int(packed)}"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in NESTED.items():
        message = file.message_type.add(name=name)
        for field, number, label, kind, of in fields:
            added = message.field.add(name=field, number=number, label=label, type=kind)
            if of:
                added.type_name = f".{package}.{of}"
            if kind in (FIELD.TYPE_FLOAT, FIELD.TYPE_INT64):
                added.options.packed = packed
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in ("Example", "Entry", "Feature")
    }


CLASSES = {packed: _classes(packed=packed) for packed in (False, True)}


def example(shape: list[int] | None, data: bytes | None, *, packed: bool = True) -> bytes:
    """A tf.train.Example with these features, of which None is left out, and one of floats that nobody asked for."""
    message = CLASSES[packed]["Example"]()
    features = message.features.feature
    features.add(key="other").value.float_list.value.extend([0.5, 1.5])
    if data is not None:
        features.add(key="data").value.bytes_list.value.append(data)
    if shape is not None:
        features.add(key="shape").value.int64_list.value.extend(shape)
    return message.SerializeToString()


def image_example(pixels: np.ndarray) -> bytes:
    """Of uint8 [C, H, W]."""
    return example(list(pixels.shape), pixels.tobytes())


def write_records(path: Path, records: list[bytes]) -> Path:
    """Writes a file of TFRecords."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = RecordWriter(str(path))
    for record in records:
        writer.write(record)
    writer.close()
    return path
