"""Event files, read back with TensorBoard's record format spelled out."""

import math
import struct

import pytest
from tensorboardX.proto.event_pb2 import Event

from mindgan.runtime.errors import UserError
from mindgan.training.events import Events


def read_events(folder):
    events = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        while data:  # length, its checksum, the event, its checksum
            length = struct.unpack("<Q", data[:8])[0]
            events.append(Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return events


def test_what_was_flushed_is_on_the_disk(tmp_path):
    events = Events(tmp_path / "events", purge_step=7)
    events.add({"loss_d": 1.5, "loss_g": 0.5}, 128)
    events.flush()
    read = read_events(tmp_path / "events")
    events.close()
    assert read[0].file_version == "brain.Event:2"
    assert read[1].step == 7
    values = {event.summary.value[0].tag: (event.step, event.summary.value[0].simple_value) for event in read[2:]}
    assert values == {"loss_d": (128, 1.5), "loss_g": (128, 0.5)}


def test_what_is_not_finite_is_left_out(tmp_path):
    events = Events(tmp_path / "events", purge_step=0)
    events.add({"a": math.nan, "b": 2.0, "c": math.inf, "d": -math.inf}, 8)
    events.close()
    assert [event.summary.value[0].tag for event in read_events(tmp_path / "events")[2:]] == ["b"]


def test_a_place_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "events").write_text("")
    with pytest.raises(UserError, match=r"events.* cannot be written"):
        Events(tmp_path / "events", purge_step=0)
