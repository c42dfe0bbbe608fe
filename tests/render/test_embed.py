"""Data URIs: the file itself where it is small, a smaller picture where it is not, nothing where there is none."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mindgan.render.embed import embed_image, embed_picture
from mindgan.render.gif import save_gif
from mindgan.render.grids import save_png


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def content(uri: str) -> bytes:
    return base64.b64decode(uri.partition(",")[2], validate=True)


def test_a_small_picture_is_embedded_as_it_is(tmp_path: Path):
    save_png(tmp_path / "a.png", noise(20, 30))
    picture = embed_picture(tmp_path / "a.png", most_bytes=10_000)
    assert picture is not None
    assert picture.uri.startswith("data:image/png;base64,")
    assert content(picture.uri) == (tmp_path / "a.png").read_bytes()
    assert picture[1:] == (30, 20, False)


@pytest.mark.parametrize("shape", [(1500, 1300), (1500, 1300, 3)])
def test_a_large_picture_is_embedded_smaller(tmp_path: Path, shape):
    save_png(tmp_path / "a.png", noise(*shape))
    picture = embed_picture(tmp_path / "a.png", most_bytes=400_000)
    assert picture is not None
    data = content(picture.uri)
    assert 50_000 < len(data) <= 400_000
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert image.size == (picture.width, picture.height)
        assert image.width / image.height == pytest.approx(1300 / 1500, abs=0.01)


def test_an_array_is_embedded_as_png_or_smaller():
    picture = embed_image(noise(20, 30, 3), most_bytes=10_000)
    assert picture is not None
    with Image.open(io.BytesIO(content(picture.uri))) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), noise(20, 30, 3))
    smaller = embed_image(noise(300, 300, 3), most_bytes=100_000)
    assert smaller is not None
    assert len(content(smaller.uri)) <= 100_000


def test_animations_are_embedded_whole_or_not_at_all(tmp_path: Path):
    save_gif(tmp_path / "a.gif", [noise(30, 30), 255 - noise(30, 30)])
    picture = embed_picture(tmp_path / "a.gif", most_bytes=50_000)
    assert picture is not None
    assert picture.is_animation
    assert content(picture.uri) == (tmp_path / "a.gif").read_bytes()
    assert embed_picture(tmp_path / "a.gif", most_bytes=100) is None


def test_what_is_no_picture(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"<svg onload=alert(1)>")
    assert embed_picture(tmp_path / "a.png", most_bytes=1000) is None
    assert embed_picture(tmp_path / "missing.png", most_bytes=1000) is None
    assert embed_picture(tmp_path, most_bytes=1000) is None
