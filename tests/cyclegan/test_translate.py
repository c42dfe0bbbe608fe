"""Images of any size, from each kind of network file, against the network itself; files to files."""

import io
import os
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from image_files import encoded, pixels, raw_png, rotated, write, write_zip
from mindspore import Tensor
from PIL import Image

from mindgan.cyclegan import checkpoints, translate
from mindgan.cyclegan.checkpoints import Architecture, mindir_texts
from mindgan.cyclegan.config import CycleGanConfig
from mindgan.cyclegan.networks import ResnetGenerator
from mindgan.cyclegan.translate import Translator, load_translator
from mindgan.cyclegan.translate_files import translate_files
from mindgan.export import _exported
from mindgan.runtime import device
from mindgan.runtime.errors import UserError

CONFIG = CycleGanConfig(image_height=16, image_width=32, ngf=2, num_blocks=1, num_layers=1)


def enlarged(architecture, name, seed):
    """A generator whose translation differs from the image in every part."""
    network, random = architecture.make_generator(), np.random.default_rng(seed)
    network.update_parameters_name(f"{name}.")
    for parameter in network.get_parameters():
        parameter.set_data(Tensor((0.2 * random.standard_normal(parameter.shape)).astype(np.float32)))
    return network.set_train(False)


@pytest.fixture(scope="module")
def networks():
    return {name: enlarged(Architecture.of(CONFIG), name, seed) for seed, name in enumerate(("G_A", "G_B"))}


@pytest.fixture(scope="module")
def run(networks, tmp_path_factory):
    """The folder of a run, as far as translating looks at it."""
    root = tmp_path_factory.mktemp("a run")
    checkpoints.save(root / "model" / "CYcleGan_epoch_3.ckpt", networks, Architecture.of(CONFIG))
    mindir = _exported(networks["G_A"], "mindir", ((1, 3, *CONFIG.size),))
    (root / "model" / "CYcleGan_epoch_3.mindir").write_bytes(mindir)
    return root


@pytest.fixture(scope="module", autouse=True)
def operation_by_operation(run):
    """Every image has its own size, and the file is exported before."""
    device.configure("CPU", "pynative")
    yield
    device.configure("CPU", "graph")


def directly(network, image):
    """uint8 [C, H, W] through a network at once, rounded by hand."""
    drawn = network(Tensor((image[None].astype(np.float32) - 127.5) / 127.5)).asnumpy()[0]
    return np.clip(np.rint(drawn * 127.5 + 127.5), 0, 255).astype(int)


def picture(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (channels, height, width), np.uint8)


def test_a_run_and_its_checkpoint_are_the_same(run, networks):
    for source in (run, run / "model" / "CYcleGan_epoch_3.ckpt"):
        translator = load_translator("--network", str(source), "BtoA")
        assert (translator.size, translator.multiple, translator.image_channel) == ((16, 32), 4, 3)
        image = picture(12, 20)
        assert np.abs(translator.draw(image, 64) - directly(networks["G_B"], image)).max() <= 1


@pytest.mark.parametrize(("height", "width", "tile"), [(8, 8, 8), (40, 64, 16), (36, 16, 8), (36, 16, 512)])
def test_a_large_image_in_tiles_is_the_image_at_once(run, networks, height, width, tile):
    """No seam: no pixel differs by more than rounding."""
    image = picture(height, width)
    drawn = load_translator("--network", str(run), "AtoB").draw(image, tile)
    assert np.abs(drawn - directly(networks["G_A"], image)).max() <= 1


@pytest.mark.parametrize(("height", "width"), [(2, 3), (3, 50), (13, 7), (17, 33)])
def test_other_sizes_are_mirrored_to_one_that_the_network_takes(run, networks, height, width):
    image = picture(height, width)
    full = [max(-(-side // 4) * 4, 8) for side in (height, width)]
    rows, columns = (_mirrored(side, size) for side, size in zip((height, width), full, strict=True))
    expected = directly(networks["G_A"], image[:, rows][:, :, columns])[:, :height, :width]
    drawn = load_translator("--network", str(run), "AtoB").draw(image, 16)
    assert drawn.shape == image.shape
    assert np.abs(drawn - expected).max() <= 1


def _mirrored(side, size):
    """0 1 2 ... then back from the last, which comes twice, and so on."""
    return [place if place < side else 2 * side - 1 - place for place in (i % (2 * side) for i in range(size))]


def test_a_mindir_file_of_the_size_it_takes(run, networks):
    translator = load_translator("--network", str(run / "model" / "CYcleGan_epoch_3.mindir"), "AtoB")
    assert (translator.size, translator.is_free) == ((16, 32), False)
    images = np.stack([picture(16, 32, seed=seed) for seed in range(3)])
    expected = np.stack([directly(networks["G_A"], image) for image in images])
    assert np.abs(translator.draw(images[0], 64) - expected[0]).max() <= 1
    assert translator.batch(images).shape == (3, 3, 16, 32)
    assert np.abs(translator.batch(images) - expected).max() <= 1


@pytest.mark.parametrize(("height", "width"), [(10, 10), (16, 60), (50, 32), (41, 77)])
def test_a_mindir_file_takes_other_sizes_in_tiles_of_its_own(run, height, width):
    translator = load_translator("--network", str(run / "model" / "CYcleGan_epoch_3.mindir"), "AtoB")
    image, shapes = picture(height, width), set()
    drawn = translator.draw(image, 64)
    assert drawn.shape == image.shape

    def nothing(part):
        shapes.add(part.shape)
        return part

    np.testing.assert_array_equal(replace(translator, cell=nothing).draw(image, 64), image)
    assert shapes == {(1, 3, 16, 32)}


def test_a_unet_draws_an_image_of_its_size_as_it_is(tmp_path):
    architecture = Architecture.of(CycleGanConfig(generator="unet_128", image_height=128, image_width=128, ngf=1))
    network = enlarged(architecture, "G_A", 5)
    checkpoints.save(tmp_path / "unet.ckpt", {"G_A": network}, architecture)
    translator = load_translator("--network", str(tmp_path / "unet.ckpt"), "AtoB")
    image = picture(128, 128)
    assert np.abs(translator.draw(image, 64) - directly(network, image)).max() <= 1
    assert translator.draw(picture(5, 130), 512).shape == (3, 5, 130)


def test_what_is_no_network_is_told(run, tmp_path):
    mindir = (run / "model" / "CYcleGan_epoch_3.mindir").read_bytes()
    write(tmp_path, {"cut.mindir": mindir[: len(mindir) // 2], "empty.mindir": b"", "text.mindir": b"text"})
    write(tmp_path, {"cut.ckpt": (run / "model" / "CYcleGan_epoch_3.ckpt").read_bytes()[:500], "x.onnx": b"1"})
    for name, message in (
        ("cut.mindir", "no whole MindIR"), ("empty.mindir", "no whole MindIR"), ("text.mindir", "no whole MindIR"),
        ("cut.ckpt", "no whole MindSpore checkpoint"), ("no.ckpt", "does not exist"), ("no.mindir", "does not exist"),
        ("x.onnx", "does not end in .ckpt"), ("", "holds no model/"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=message) as raised:
            load_translator("--network", str(tmp_path / name), "AtoB")
        assert str(tmp_path) in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_frozen_graph_is_told_with_the_option_that_names_it():
    with pytest.raises(UserError, match=r"^--network a/b\.pb is a frozen TensorFlow graph.*\.mindir or \.ckpt"):
        load_translator("--network", "a/b.pb", "AtoB")


def test_a_mindir_file_has_one_direction(run):
    with pytest.raises(UserError, match=r"--direction AtoB; for BtoA name a \.ckpt or the run"):
        load_translator("--network", str(run / "model" / "CYcleGan_epoch_3.mindir"), "BtoA")


def test_a_mindir_file_of_another_kind_is_told(tmp_path):
    from mindspore import nn

    device.configure("CPU", "graph")
    files = {
        "latents.mindir": _exported(nn.Dense(4, 3), "mindir", ((1, 4),)),
        "several.mindir": _exported(nn.ReLU(), "mindir", ((2, 3, 8, 8),)),
    }
    device.configure("CPU", "pynative")
    write(tmp_path, files)
    with pytest.raises(UserError, match="takes an input of shape"):
        load_translator("--network", str(tmp_path / "latents.mindir"), "AtoB")
    with pytest.raises(UserError, match="takes 2 images at once"):
        load_translator("--network", str(tmp_path / "several.mindir"), "AtoB")


def translated(run, source, out, **options):
    said = []
    written = translate_files(str(run), str(source), out, "AtoB", tile=512, say=said.append, **options)
    return sorted(str(path.relative_to(out)) for path in written), said


def opened(path):
    with Image.open(path) as image:
        return image.format, np.asarray(image.convert("RGB")).transpose(2, 0, 1).astype(int)


def test_names_formats_and_sizes_stay(run, networks, tmp_path):
    images = {
        'a photo\'s "ü" 猫.png': encoded(pixels(1, 9, 14)),
        "deep/er/b.JPG": encoded(pixels(2, 20, 10), "JPEG"),
        "c.webp": encoded(pixels(3), "WEBP", lossless=True),
        "d.bmp": encoded(pixels(4), "BMP"),
        "grey.png": encoded(pixels(5, channels=1)),
    }
    write(tmp_path / "in", {**images, "notes.txt": b"text", "broken.png": b"\x89PNG\r\n\x1a\n and no more"})
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nowhere")
    written, said = translated(run, tmp_path / "in", tmp_path / "out")
    assert written == sorted([*(images.keys() - {"c.webp"}), "c.webp.png"])
    assert said[0] == "left out: gone.png: a broken symbolic link"
    assert "5 images translated" in said[-1]
    assert "2 left out" in said[-1]
    name = 'a photo\'s "ü" 猫.png'
    kind, drawn = opened(tmp_path / "out" / name)
    assert kind == "PNG"
    translator = load_translator("--network", str(run), "AtoB")
    np.testing.assert_array_equal(drawn, translator.draw(pixels(1, 9, 14).transpose(2, 0, 1), 512))
    assert opened(tmp_path / "out" / "deep" / "er" / "b.JPG")[0] == "JPEG"
    assert opened(tmp_path / "out" / "deep" / "er" / "b.JPG")[1].shape == (3, 20, 10)
    assert opened(tmp_path / "out" / "d.bmp")[0] == "BMP"


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_photographs_come_out_upright(run, orientation, tmp_path):
    """What the camera stored turned is translated as it is meant to be seen, and says nothing of turning."""
    array = pixels(7, 8, 12)
    (tmp_path / "x.png").write_bytes(rotated(array, orientation))
    translated(run, tmp_path / "x.png", tmp_path / "out")
    upright = np.rot90(array, {3: 2, 6: 3, 8: 1}[orientation])
    expected = load_translator("--network", str(run), "AtoB").draw(upright.transpose(2, 0, 1).copy(), 512)
    with Image.open(tmp_path / "out" / "x.png") as image:
        assert image.getexif().get(0x0112, 1) == 1
        np.testing.assert_array_equal(np.asarray(image).transpose(2, 0, 1), expected)


def test_an_archive(run, tmp_path):
    write_zip(tmp_path / "in.zip", {"a/1.png": encoded(pixels(1)), "2.png": encoded(pixels(2))})
    before = (tmp_path / "in.zip").read_bytes()
    assert translated(run, tmp_path / "in.zip", tmp_path)[0] == ["2.png", "a/1.png"]
    assert (tmp_path / "in.zip").read_bytes() == before
    assert zipfile.ZipFile(io.BytesIO(before)).namelist() == ["a/1.png", "2.png"]


def test_originals_are_not_overwritten(run, tmp_path):
    folder = write(tmp_path / "in", {"1.png": encoded(pixels(1)), "2.webp": encoded(pixels(2), "WEBP")})
    (tmp_path / "link").symlink_to(folder)
    manifest = tmp_path / "in" / "all.manifest"
    manifest.write_text('{"source": "1.png", "usage": "train"}\n')
    for source, out in (
        (folder, folder), (folder, tmp_path / "link"), (tmp_path / "link", folder), (folder / "1.png", folder),
        (manifest, folder), (folder, folder / "." / ".." / "in"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=r"--output .* holds the originals"):
            translated(run, source, out)
    assert sorted(os.listdir(folder)) == ["1.png", "2.webp", "all.manifest"]
    assert (folder / "1.png").read_bytes() == encoded(pixels(1))


def test_an_output_within_the_input_is_not_translated_again(run, tmp_path):
    write(tmp_path, {"1.png": encoded(pixels(1)), "sub/2.png": encoded(pixels(2))})
    for _ in range(2):
        assert translated(run, tmp_path, tmp_path / "translated")[0] == ["1.png", "sub/2.png"]


def test_nothing_to_translate_is_told(run, tmp_path):
    (tmp_path / "empty").mkdir()
    bomb = raw_png(b"", 60_000, 60_000, bits=8, colour_type=2)
    write(tmp_path / "bad", {"bomb.png": bomb, "x.jpg": b"\xff\xd8\xff"})
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "again").symlink_to(tmp_path / "loop")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    for source, message in (
        ("empty", "no images"), ("bad", "no image could be decoded.*more than .* pixels"), ("loop", "no images"),
        ("gone", "broken symbolic link"), ("nowhere", "does not exist"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=message) as raised:
            translated(run, tmp_path / source, tmp_path / "out")
        assert "\n" not in str(raised.value)
        assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written_is_told_before_anything_is_drawn(run, tmp_path, monkeypatch):
    monkeypatch.setattr(Translator, "draw_all", lambda *args: pytest.fail("drawn"))
    write(tmp_path, {"1.png": encoded(pixels(1)), "file": b""})
    for out in ("file", "file/out"):
        with pytest.raises(UserError, match=r"file.* cannot be written: .*file is no folder; name another"):
            translated(run, tmp_path / "1.png", tmp_path / out)


def test_many_images_of_one_size_are_drawn_compiled_and_equal(monkeypatch):
    cell = ResnetGenerator(3, ngf=2, num_blocks=1)
    translator = Translator("here", 3, (16, 16), 4, True, cell)
    image = np.random.default_rng(3).integers(0, 256, (3, 17, 22), np.uint8)
    streamed = translator.draw(image, 64)
    assert translator.seen == {(20, 24): 1}
    monkeypatch.setattr(translate, "COMPILE_FROM", 2)
    monkeypatch.setattr(translate, "Stream", None)
    compiled = translator.draw(image, 64)
    assert len(cell.compile_cache) == 1
    assert np.abs(compiled.astype(int) - streamed).max() <= 1
    with pytest.raises(TypeError):  # larger than a tile it is streamed whatever was spent
        translator.draw(image, 16)


def test_small_images_are_drawn_several_at_once_in_one_shape(monkeypatch):
    """Five images, two at a time: the sixth place is filled and left out again."""
    shapes = []
    cell = enlarged(Architecture.of(CONFIG), "G_A", 0)
    translator = Translator("here", 3, (16, 16), 4, True, cell)
    images = np.stack([picture(16, 20, seed=seed) for seed in range(5)])
    expected = np.stack([directly(cell, image) for image in images])
    monkeypatch.setattr(translate, "BATCH_PX", 2 * 16 * 20)
    monkeypatch.setattr(
        Translator, "_draw_at_once", lambda self, x: (shapes.append(x.shape), cell(Tensor(x)).asnumpy())[1]
    )
    drawn = translator.draw_all(images, 64)
    assert shapes == [(2, 3, 16, 20)] * 3
    assert np.abs(drawn - expected).max() <= 1
    assert translator.num_at_once((16, 20), 64) == translate.COMPILE_FROM
    assert translator.num_at_once((4, 4), 64) == 40
    assert translator.num_at_once((16, 20), 16) == 1


def test_images_of_one_size_that_follow_one_another_go_together(run, networks, tmp_path, monkeypatch):
    """Each under its own name, whatever stands between them and however many go at once."""
    sizes = {"a": (8, 12), "b": (8, 12), "c": (8, 12), "d": (12, 8), "f": (8, 12), "g": (8, 12)}
    images = {name: picture(*size, seed=index) for index, (name, size) in enumerate(sizes.items())}
    files = {f"{name}.png": encoded(image.transpose(1, 2, 0)) for name, image in images.items()}
    write(tmp_path / "in", {**files, "e.png": b"\x89PNG\r\n\x1a\n and no more"})
    monkeypatch.setattr(Translator, "num_at_once", lambda self, size, tile: 2)
    drawn, draw_all = [], Translator.draw_all
    monkeypatch.setattr(
        Translator, "draw_all", lambda self, x, tile: (drawn.append(len(x)), draw_all(self, x, tile))[1]
    )
    written, said = translated(run, tmp_path / "in", tmp_path / "out")
    assert drawn == [2, 1, 1, 2]
    assert (written, "1 left out" in said[-1]) == (sorted(files), True)
    for name, image in images.items():
        assert np.abs(opened(tmp_path / "out" / f"{name}.png")[1] - directly(networks["G_A"], image)).max() <= 1


def test_names_that_would_meet_are_kept_apart(run, tmp_path):
    write(tmp_path / "in", {"a.webp": encoded(pixels(1), "WEBP"), "a.webp.png": encoded(pixels(2))})
    written, _ = translated(run, tmp_path / "in", tmp_path / "out")
    assert written == ["a.webp.png", "a.webp.png.png"]
    assert opened(tmp_path / "out" / "a.webp.png")[1].shape == pixels(2).transpose(2, 0, 1).shape


@pytest.fixture(scope="module")
def told(networks, tmp_path_factory):
    """A file of each direction as a training and `mindgan export` make them: of any size, and telling what it is of."""
    folder = tmp_path_factory.mktemp("files")
    device.configure("CPU", "graph")
    for direction, name in (("AtoB", "G_A"), ("BtoA", "G_B")):
        texts = mindir_texts(Architecture.of(CONFIG), direction)
        content = _exported(networks[name], "mindir", ((None, 3, None, None),), texts)
        (folder / f"{name}.MINDIR").write_bytes(content)
    device.configure("CPU", "pynative")
    return folder


@pytest.mark.parametrize(("height", "width", "tile"), [(16, 32, 64), (40, 64, 16), (41, 17, 8)])
@pytest.mark.parametrize(("direction", "name"), [("AtoB", "G_A"), ("BtoA", "G_B")])
def test_a_mindir_file_that_tells_its_layers_draws_as_the_network(told, networks, direction, name, height, width, tile):
    """In tiles too, whatever capitals it ends in; its direction is in the file, not in the name."""
    translator = load_translator("--network", str(told / f"{name}.MINDIR"), direction)
    assert (translator.size, translator.multiple, translator.is_free) == ((16, 32), 4, True)
    assert translator.warning((height, width), tile) is None
    image = picture(height, width)
    rows, columns = (_mirrored(side, -(-side // 4) * 4) for side in (height, width))
    expected = directly(networks[name], image[:, rows][:, :, columns])[:, :height, :width]
    assert np.abs(translator.draw(image, tile) - expected).max() <= 1
    with pytest.raises(UserError, match=f"holds the generator of --direction {direction}"):
        load_translator("--network", str(told / f"{name}.MINDIR"), "BtoA" if direction == "AtoB" else "AtoB")


def test_tiles_of_a_mindir_file_that_tells_nothing_are_warned_of_once(run, tmp_path):
    images = {f"{index}.png": encoded(pixels(index, *size)) for index, size in enumerate([(16, 32), (40, 50), (20, 8)])}
    write(tmp_path / "in", images)
    _, said = translated(run / "model" / "CYcleGan_epoch_3.mindir", tmp_path / "in", tmp_path / "out")
    assert [line.startswith("warning: ") for line in said] == [True, False]
    assert "above 16x32 px may differ in colour and contrast; name the run or its .ckpt instead" in said[0]
    assert translated(run, tmp_path / "in", tmp_path / "out")[1][0].startswith("3 images")


def test_one_image_is_one_and_a_bad_one_is_told_once(run, tmp_path, capsys):
    write(tmp_path, {"1.png": encoded(pixels(1)), "bad.jpg": b"no image", "m.mpo": encoded(pixels(2), "JPEG")})
    assert translated(run, tmp_path / "1.png", tmp_path / "out")[1][-1].startswith("1 image translated")
    assert translated(run, tmp_path / "m.mpo", tmp_path / "out")[0] == ["m.mpo.png"]
    capsys.readouterr()
    message = r"^--input .*bad\.jpg: .*bad\.jpg cannot be decoded: no image of a known format$"
    with pytest.raises(UserError, match=message):
        translated(run, tmp_path / "bad.jpg", tmp_path / "out")
    assert capsys.readouterr().out == ""
