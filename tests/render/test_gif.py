"""What a GIF decoder sees: every frame, every duration, for ever."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageSequence

from mindgan.render.gif import save_gif


def noise(num: int, *shape: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, shape, np.uint8) for _ in range(num)]


def decode(path: Path, mode: str = "L") -> tuple[list[np.ndarray], list[int], int | None]:
    """Frames, durations in ms and the loop count (0: for ever)."""
    with Image.open(path) as image:
        frames, durations = [], []
        for frame in ImageSequence.Iterator(image):
            frames.append(np.asarray(frame.convert(mode)))
            durations.append(frame.info["duration"])
        return frames, durations, image.info.get("loop")


def test_every_pixel_and_duration_of_grey_frames(tmp_path: Path):
    frames = noise(4, 20, 30)
    frames[2] = frames[1].copy()
    frames[2][5:8, 5:8] ^= 255  # a small change, which encoders store as a patch
    save_gif(tmp_path / "a.gif", frames, milliseconds=120, hold_last_ms=900)
    decoded, durations, loop = decode(tmp_path / "a.gif")
    np.testing.assert_array_equal(decoded, frames)
    assert durations == [120, 120, 120, 900]
    assert loop == 0


def test_colours_up_to_256_are_exact(tmp_path: Path):
    palette = np.random.default_rng(1).integers(0, 256, (40, 3), np.uint8)
    frames = [palette[frame % 40] for frame in noise(3, 16, 16)]
    save_gif(tmp_path / "a.gif", frames)
    np.testing.assert_array_equal(decode(tmp_path / "a.gif", "RGB")[0], frames)


def test_many_colours_are_close(tmp_path: Path):
    ramp = np.stack(np.meshgrid(np.arange(0, 256, 4), np.arange(0, 256, 4)), axis=-1).astype(np.uint8)  # [64, 64, 2]
    frames = [np.concatenate([ramp, np.full((64, 64, 1), blue, np.uint8)], axis=2) for blue in (0, 200)]
    save_gif(tmp_path / "a.gif", frames)
    decoded = decode(tmp_path / "a.gif", "RGB")[0]
    assert np.abs(np.array(decoded, int) - np.array(frames, int)).mean() < 8


def scene(num: int) -> list[np.ndarray]:
    """Frames like photographs, [96, 192, 3]: smooth in every colour, with fine texture, and changing."""
    y, x = np.mgrid[:96, :192] / 30
    rng = np.random.default_rng(0)
    waves = [np.stack([np.sin(x + t), np.cos(y + x / 2 - t), np.sin(x * y / 3 + t)], axis=2) for t in range(num)]
    return [(127 + 100 * wave + rng.normal(0, 5, wave.shape)).clip(0, 255).astype(np.uint8) for wave in waves]


def from_afar(frame: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(2)), float)


def test_smooth_colours_have_no_steps(tmp_path: Path):
    """From afar, where the eye mixes what is dithered, every frame is the original, and better than undithered."""
    frames = scene(3)
    save_gif(tmp_path / "a.gif", frames)
    for frame, seen in zip(frames, decode(tmp_path / "a.gif", "RGB")[0], strict=True):
        plain = np.asarray(Image.fromarray(frame).quantize(256).convert("RGB"))
        errors = [np.abs(from_afar(picture) - from_afar(frame)).mean() for picture in (seen, plain)]
        assert errors[0] < 1.5
        assert errors[0] < 0.7 * errors[1]


def test_captions_of_photographs_stay_white_on_black(tmp_path: Path):
    frames = scene(2)
    save_gif(tmp_path / "a.gif", frames, captions=["epoch 0", "epoch 1"])
    for seen in decode(tmp_path / "a.gif", "RGB")[0]:
        strip = seen[96:].astype(int)
        assert strip.max() > 240
        assert np.median(strip) < 10


def test_photographs_give_the_same_bytes(tmp_path: Path):
    for name in ("a.gif", "b.gif"):
        save_gif(tmp_path / name, scene(3), captions=["a", "b", "c"])
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_equal_neighbours_keep_the_time(tmp_path: Path):
    a, b = noise(2, 8, 8)
    save_gif(tmp_path / "a.gif", [a, a, a, b, a, a], milliseconds=200, hold_last_ms=1000)
    decoded, durations, _ = decode(tmp_path / "a.gif")
    np.testing.assert_array_equal(decoded, [a, b, a])
    assert durations == [600, 200, 1200]


def test_all_frames_equal(tmp_path: Path):
    frame = noise(1, 8, 8)[0]
    save_gif(tmp_path / "a.gif", [frame] * 10, milliseconds=100, hold_last_ms=500)
    decoded, durations, loop = decode(tmp_path / "a.gif")
    np.testing.assert_array_equal(decoded, [frame])
    assert (durations, loop) == ([1400], 0)


def test_a_time_beyond_the_format_is_the_longest_it_has(tmp_path: Path):
    a, b = noise(2, 8, 8)
    save_gif(tmp_path / "a.gif", [a] * 5 + [b], milliseconds=200_000)
    assert decode(tmp_path / "a.gif")[1] == [655_350, 1500]


def test_times_that_the_format_cannot_tell_are_rounded(tmp_path: Path):
    a, b = noise(2, 8, 8)
    save_gif(tmp_path / "a.gif", [a, a, b], milliseconds=47, hold_last_ms=33)
    assert decode(tmp_path / "a.gif")[1] == [100, 30]


def test_captions_stand_below_the_frames(tmp_path: Path):
    frames = noise(3, 60, 150)
    save_gif(tmp_path / "a.gif", frames, captions=["epoch 0", "epoch 0", "epoch 10"])
    decoded = np.array(decode(tmp_path / "a.gif")[0])
    np.testing.assert_array_equal(decoded[:, :60], frames)
    strips = decoded[:, 60:]
    assert 12 < strips.shape[1] < 40
    assert strips.max() == 255
    assert not strips[:, :, 100:].any()  # a short text at the left
    np.testing.assert_array_equal(strips[0], strips[1])
    assert (strips[1] != strips[2]).any()


def test_a_long_caption_is_set_smaller(tmp_path: Path):
    text = "a caption of many letters"
    save_gif(tmp_path / "wide.gif", noise(1, 10, 400), captions=[text])
    save_gif(tmp_path / "narrow.gif", noise(1, 10, 120), captions=[text])
    wide, narrow = (decode(tmp_path / name)[0][0][10:] for name in ("wide.gif", "narrow.gif"))
    assert narrow.shape[0] < wide.shape[0]
    assert narrow.any()
    assert not narrow[:, -2:].any()


def test_captions_on_colour_frames(tmp_path: Path):
    save_gif(tmp_path / "a.gif", [np.zeros((40, 90, 3), np.uint8)] * 2, captions=["one", "two"])
    frames = decode(tmp_path / "a.gif", "RGB")[0]
    assert len(frames) == 2
    assert frames[0][40:].max() > 240


def test_the_same_frames_give_the_same_bytes(tmp_path: Path):
    for name in ("a.gif", "b.gif"):
        save_gif(tmp_path / name, noise(3, 30, 30), captions=["a", "b", "c"])
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


@pytest.mark.parametrize(
    ("frames", "options", "reason"),
    [
        ([], {}, "one frame or more"),
        ([np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8)], {}, "same shape"),
        ([np.zeros((2, 2), np.uint8)], {"captions": ["a", "b"]}, "2 captions for 1"),
        ([np.zeros((2, 2), np.uint8)], {"milliseconds": 0}, "10 ms"),
        ([np.zeros((2, 2), np.uint8)], {"hold_last_ms": 9}, "10 ms"),
    ],
)
def test_impossible_requests_leave_no_file(tmp_path: Path, frames, options, reason):
    with pytest.raises(ValueError, match=reason):
        save_gif(tmp_path / "a.gif", frames, **options)
    assert not list(tmp_path.iterdir())
