"""Weights of PyTorch read without it: files that PyTorch 2.13 wrote, round trips where it is there, and hostile files.

`torch_zip.pth` and `torch_legacy.pth` hold the same state dict, written with and without the zip format.
"""

import io
import json
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from mindgan.runtime.errors import UserError
from mindgan.runtime.torch_file import TensorRecord, read_legacy, read_state_dict

HERE = Path(__file__).parent
FORMATS = ("zip", "legacy")
GRID = np.arange(12, dtype=np.float32).reshape(3, 4)
EXPECTED = {
    "0.weight": np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3) / 8,
    "0.bias": np.array([-1, -0.875], np.float32),
    "1.weight": np.array([-2, -1.875], np.float32),
    "1.bias": np.array([-3, -2.875], np.float32),
    "1.running_mean": np.zeros(2, np.float32),
    "1.running_var": np.ones(2, np.float32),
    "1.num_batches_tracked": np.array(0),
    "transposed": GRID.T,  # the last three look into one storage
    "row": GRID[1],
    "column": GRID[:, 2],
    "half": np.array([1.5, -2], np.float16),
    "brain": np.array([1.5, -2, 3.140625], np.float32),
    "double": np.array([0.1]),
    "yes": np.array([True, False]),
    "byte": np.array([255], np.uint8),
    "none": np.zeros((0, 3), np.float32),
    "scalar": np.array(7, np.int32),
}


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_state_dict_that_pytorch_wrote(kind):
    found = read_state_dict(HERE / f"torch_{kind}.pth")
    assert_equal(found, EXPECTED)
    assert all(array.flags.c_contiguous and array.flags.writeable for array in found.values())


def test_the_name_of_the_file_means_nothing(tmp_path):
    copy = tmp_path / "weights.safetensors"
    copy.write_bytes((HERE / "torch_zip.pth").read_bytes())
    assert_equal(read_state_dict(copy), EXPECTED)


def repacked(path: Path, change=lambda name, data: data, **options) -> Path:
    """The zip of PyTorch written anew, members changed or left out (None)."""
    with zipfile.ZipFile(HERE / "torch_zip.pth") as old, zipfile.ZipFile(path, "w", **options) as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return path


def test_big_endian_storages(tmp_path):
    def swapped(name: str, data: bytes) -> bytes:
        if name.endswith("byteorder"):
            return b"big"
        is_float = name.endswith("data/0")
        return np.frombuffer(data, "<f4").astype(">f4").tobytes() if is_float else data

    found = read_state_dict(repacked(tmp_path / "big.pth", swapped))
    np.testing.assert_array_equal(found["0.weight"], EXPECTED["0.weight"])


def test_safetensors(tmp_path):
    path = tmp_path / "renamed.pth"
    arrays = {"a": GRID, "b": np.array([1, 2], np.int64), "c": np.array(True), "d": np.zeros((0, 2), np.float16)}
    path.write_bytes(save(arrays))
    found = read_state_dict(path)
    assert_equal({name: found[name] for name in arrays}, arrays)


def safetensors_of(dtype: str, shape: list[int], data: bytes) -> bytes:
    header = json.dumps({"x": {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


def test_safetensors_of_bfloat16(tmp_path):
    path = tmp_path / "brain.safetensors"
    path.write_bytes(safetensors_of("BF16", [3], np.array([0x3FC0, 0xC000, 0x4049], "<u2").tobytes()))
    assert_equal(read_state_dict(path), {"x": EXPECTED["brain"]})


OTHERS = {
    "empty": (b"", "is empty"),
    "page": (b"\n<!DOCTYPE html><html><body>404</body></html>", "web page.*download failed"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
    "text": (b"just a note\n", "text file"),
    "gzip": (b"\x1f\x8b\x08" + bytes(30), "unpack it"),
    "tar": (b"x" * 257 + b"ustar\x0000" + bytes(300), "tar archive"),
    "noise": (b"\x00\x01\x02\xff" * 99, "neither a PyTorch nor"),
    "pickle": (b"\x80\x02K\x01.", "something else than PyTorch"),
    "zip": (b"PK\x03\x04" + bytes(100), "damaged or cut short"),
    "safetensors": (safetensors_of("F32", [3], b"1234"), "no whole safetensors"),
    "new type": (safetensors_of("F8_E4M3", [4], b"1234"), "F8_E4M3"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_named_in_a_line(tmp_path, name):
    data, reason = OTHERS[name]
    path = tmp_path / "weights.pth"
    path.write_bytes(data)
    with pytest.raises(UserError, match=reason) as caught:
        read_state_dict(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            read_state_dict(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_files_are_refused(tmp_path, kind):
    whole = (HERE / f"torch_{kind}.pth").read_bytes()
    path = tmp_path / "cut.pth"
    for end in range(1, len(whole), 53):
        path.write_bytes(whole[:end])
        with pytest.raises(UserError):
            read_state_dict(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_flipped_bytes_give_arrays_or_a_user_error(tmp_path, kind):
    whole = (HERE / f"torch_{kind}.pth").read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "flipped.pth"
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            read_state_dict(path)
        except UserError:
            refused += 1
    assert refused > 40


def test_a_flipped_bit_in_the_numbers_is_seen_in_a_zip(tmp_path):
    data = bytearray((HERE / "torch_zip.pth").read_bytes())
    data[data.index(EXPECTED["0.weight"].tobytes()) + 6] ^= 1
    path = tmp_path / "flipped.pth"
    path.write_bytes(data)
    with pytest.raises(UserError, match="CRC"):
        read_state_dict(path)


def test_compressed_members_are_refused(tmp_path):
    with pytest.raises(UserError, match="compressed"):
        read_state_dict(repacked(tmp_path / "bomb.pth", compression=zipfile.ZIP_DEFLATED))


def test_missing_or_short_storages_are_refused(tmp_path):
    def without(name: str, data: bytes) -> bytes | None:
        return None if name.endswith("data/0") else data

    def shorter(name: str, data: bytes) -> bytes:
        return data[:-4] if name.endswith("data/0") else data

    with pytest.raises(UserError, match="no item named"):
        read_state_dict(repacked(tmp_path / "without.pth", without))
    with pytest.raises(UserError, match="numbers of a tensor are missing"):
        read_state_dict(repacked(tmp_path / "shorter.pth", shorter))


def test_a_zip_of_something_else_and_torchscript(tmp_path):
    other, script = tmp_path / "photos.zip", tmp_path / "script.pt"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("photo.png", b"123")
    with pytest.raises(UserError, match="something else than weights"):
        read_state_dict(other)
    repacked(script)
    with zipfile.ZipFile(script, "a") as archive:
        archive.writestr("torch_zip/constants.pkl", b"")
    with pytest.raises(UserError, match="TorchScript"):
        read_state_dict(script)


def stored(path: Path, pickle: bytes, numbers: bytes = bytes(16)) -> Path:
    """A file of PyTorch around a pickle, with the storage '0'."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle)
        archive.writestr("archive/data/0", numbers)
    return path


def tensor(
    offset: int, size: tuple, stride: tuple, *, num: int = 4, key: str = "0", kind: str = "FloatStorage"
) -> bytes:
    """The opcodes of a float32 tensor."""

    def integer(value: int) -> bytes:
        return b"I%d\n" % value

    def integers(values: tuple) -> bytes:
        return b"(" + b"".join(map(integer, values)) + b"t"

    storage = b"(S'storage'\nctorch\n" + kind.encode() + b"\nS'" + key.encode() + b"'\nS'cpu'\n" + integer(num) + b"tQ"
    made = storage + integer(offset) + integers(size) + integers(stride) + b"I00\n}"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + made + b"tR"


def state_dict(*tensors: bytes) -> bytes:
    return b"}(" + b"".join(b"S'w%d'\n" % number + each for number, each in enumerate(tensors)) + b"u."


@pytest.mark.parametrize("kind", ["FloatStorage", "cuda.FloatStorage"])  # the latter was saved on a GPU
def test_the_file_by_hand_is_sound(tmp_path, kind):
    path = stored(tmp_path / "x.pth", state_dict(tensor(1, (3,), (1,), kind=kind)), GRID[0].tobytes())
    assert_equal(read_state_dict(path), {"w0": GRID[0, 1:]})


@pytest.mark.parametrize(
    ("opcodes", "reason"),
    [
        (tensor(0, (5,), (1,)), "beyond"),
        (tensor(1, (4,), (1,)), "beyond"),
        (tensor(0, (2, 2), (4, 1)), "beyond"),
        (tensor(4, (1,), (1,)), "beyond"),
        (tensor(0, (100,), (0,)), "beyond"),
        (tensor(0, (1 << 40,), (0,)), "many times larger"),
        (tensor(0, (1 << 60,), (0,)), "shape or place"),
        (tensor(-1, (1,), (1,)), "shape or place"),
        (tensor(3, (2,), (-1,)), "shape or place"),
        (tensor(0, (2,), (1, 1)), "strides"),
        (tensor(0, (1,) * 40, (1,) * 40), "too many axes"),
        (tensor(0, (4,), (1,), num=5), "missing"),
        (tensor(0, (2,), (1,), kind="DoubleStorage"), "missing"),
        (tensor(0, (4,), (1,), key="../../../etc/passwd"), "no item named"),
        (tensor(0, (4,), (1,), kind="QInt8Storage"), "torch.QInt8Storage, which is not supported"),
    ],
)
def test_tensors_outside_their_storage_are_refused(tmp_path, opcodes, reason):
    with pytest.raises(UserError, match=reason):
        read_state_dict(stored(tmp_path / "x.pth", state_dict(opcodes)))


def test_many_views_of_one_storage_do_not_fill_the_memory(tmp_path):
    views = state_dict(*[tensor(0, (10_000,), (1,), num=10_000)] * 100)
    path = stored(tmp_path / "x.pth", views, bytes(40_000))
    with pytest.raises(UserError, match="many times larger than the file"):
        read_state_dict(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_no_code_runs(tmp_path, kind):
    trace = tmp_path / "trace"
    harm = b"(S'weights'\ncposix\nsystem\n(S'touch %s'\ntRS'w'\n" % str(trace).encode() + tensor(0, (4,), (1,)) + b"d."
    path = tmp_path / "harm.pth"
    if kind == "zip":
        stored(path, harm)
    else:
        header = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + b"\x80\x02M\xe9\x03." + b"\x80\x02}."
        path.write_bytes(header + harm + b"](S'0'\ne." + struct.pack("<Q", 4) + bytes(16))
    assert_equal(read_state_dict(path), {"w": np.zeros(4, np.float32)})
    assert not trace.exists()


def nested(**parts: bytes) -> bytes:
    return b"}(" + b"".join(b"S'%s'\n" % name.encode() + part[:-1] for name, part in parts.items()) + b"u."


def test_wrapped_state_dicts_are_found(tmp_path):
    weights, other = state_dict(tensor(0, (4,), (1,))), state_dict(tensor(0, (2,), (1,)))
    cases = [
        nested(epoch=b"K\x03.", state_dict=weights, optimizer=other),
        nested(whatever=weights, epoch=b"K\x03."),
        nested(model=weights, ema=other),
    ]
    for number, pickle in enumerate(cases):
        assert_equal(read_state_dict(stored(tmp_path / f"{number}.pth", pickle)), {"w0": np.zeros(4, np.float32)})


def test_one_of_several_is_asked_for(tmp_path):
    path = stored(tmp_path / "x.pth", nested(G=state_dict(tensor(0, (4,), (1,))), D=state_dict(tensor(0, (2,), (1,)))))
    with pytest.raises(UserError, match=r"several state dicts \(D, G\)"):
        read_state_dict(path)
    assert_equal(read_state_dict(path, part="D"), {"w0": np.zeros(2, np.float32)})
    with pytest.raises(UserError, match="no part 'E'; it has D, G"):
        read_state_dict(path, part="E")


@pytest.mark.parametrize(
    ("pickle", "reason"),
    [
        (b"K\x01.", "holds a int, not"),
        (b"}.", "no tensors"),
        (b"cmodels\nNet\n)R.", "whole models.Net, not its weights"),
    ],
)
def test_what_is_no_state_dict(tmp_path, pickle, reason):
    with pytest.raises(UserError, match=reason):
        read_state_dict(stored(tmp_path / "x.pth", pickle))


def test_the_prefix_of_data_parallel_training_goes(tmp_path):
    def named(*names: bytes) -> bytes:
        return b"}(" + b"".join(b"S'%s'\n" % name + tensor(0, (4,), (1,)) for name in names) + b"u."

    assert list(read_state_dict(stored(tmp_path / "1.pth", named(b"module.a", b"module.b")))) == ["a", "b"]
    assert list(read_state_dict(stored(tmp_path / "2.pth", named(b"module.a", b"b")))) == ["module.a", "b"]


def test_legacy_views_of_storages(tmp_path):
    """('storage', type, key, device, num, (view key, offset, num)), as PyTorch 0.3 wrote them."""
    view = b"(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nK\x04(S'1'\nK\x01K\x02ttQ"
    made = b"ctorch._utils\n_rebuild_tensor\n(" + view + b"K\x00(K\x02t(K\x01ttR"
    header = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + b"\x80\x02M\xe9\x03." + b"\x80\x02}."
    path = tmp_path / "old.pth"
    path.write_bytes(header + state_dict(made) + b"](S'0'\ne." + struct.pack("<Q", 4) + GRID[0].tobytes())
    assert_equal(read_state_dict(path), {"w0": GRID[0, 1:3]})
    path.write_bytes(path.read_bytes().replace(b"K\x01K\x02tt", b"K\x03K\x02tt"))
    with pytest.raises(UserError, match="beyond it"):
        read_state_dict(path)


def test_legacy_lengths_are_compared(tmp_path):
    whole = (HERE / "torch_legacy.pth").read_bytes()
    place = whole.index(struct.pack("<Q", 18) + EXPECTED["0.weight"].tobytes())
    path = tmp_path / "length.pth"
    path.write_bytes(whole[:place] + struct.pack("<Q", 1 << 60) + whole[place + 8 :])
    with pytest.raises(UserError, match="cut short"):
        read_state_dict(path)


@pytest.mark.parametrize("is_zip", [True, False])
def test_round_trips_with_pytorch(tmp_path, is_zip):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; see scripts/bench/requirements.txt")
    grid = torch.randn(4, 3, 2, dtype=torch.float64)
    tensors = {
        "permuted": grid.permute(2, 0, 1),
        "sliced": grid[1:, ::2],
        "expanded": torch.ones(1, 3).expand(1, 3),
        "parameter": torch.nn.Parameter(torch.randn(3, 3)),
        "long": torch.tensor([-(2**62), 2**62]),
        "channels_last": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        **{name: torch.arange(-3, 3).to(getattr(torch, name)) for name in ("int8", "int16", "int32", "float16")},
    }
    path = tmp_path / "x.pth"
    wrapped = {"epoch": 3, "state_dict": OrderedDict(tensors), "args": {"lr": 0.1}, "size": torch.Size([2])}
    torch.save(wrapped, path, _use_new_zipfile_serialization=is_zip)
    assert_equal(read_state_dict(path), {name: value.detach().numpy() for name, value in tensors.items()})


def test_a_storage_alone_in_a_legacy_stream():
    """As a pickled tensor carries its numbers."""
    header = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + b"\x80\x02M\xe9\x03." + b"\x80\x02}."
    storage = b"(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nK\x04NtQ." + b"](S'0'\ne."
    file = io.BytesIO(header + storage + struct.pack("<Q", 4) + GRID[0].tobytes() + b"rest")
    found = read_legacy(file, "stream")
    np.testing.assert_array_equal(TensorRecord(found, 1, (2,), (2,)).array(), GRID[0, 1::2])
    assert file.read() == b"rest"


def test_an_object_in_a_legacy_stream():
    file = io.BytesIO((HERE / "torch_legacy.pth").read_bytes())
    tree = read_legacy(file, "stream")
    np.testing.assert_array_equal(tree["column"].array(), EXPECTED["column"])
