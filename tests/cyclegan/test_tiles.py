"""Blended tiles: nothing but the picture itself comes out of a network that does nothing."""

import numpy as np
import pytest

from mindgan.cyclegan.tiles import draw_tiled, ramp, starts


def test_starts_by_hand():
    assert starts(16, 16, 4) == [0]
    assert starts(8, 16, 4) == [0]
    assert starts(28, 16, 4) == [0, 12]  # a quarter of 16 is shared
    assert starts(32, 16, 4) == [0, 8, 16]
    assert starts(44, 16, 4) == [0, 8, 16, 28]  # 9.3 and 18.7, at multiples of 4


@pytest.mark.parametrize("tile", [16, 32, 64])
@pytest.mark.parametrize("size", [*range(16, 200, 12), 1024])
def test_tiles_cover_everything_and_lie_inside(tile, size):
    places = starts(size, tile, 4)
    covered = {place for start in places for place in range(start, start + tile)}
    assert covered >= set(range(size))
    assert size <= tile or places[-1] + tile == size
    assert all(start % 4 == 0 for start in places)


def test_a_ramp_by_hand():
    np.testing.assert_allclose(ramp(4, 8, 16, 1, 2), [0, 0.25, 0.75, 1, 1, 0.75, 0.25, 0])
    np.testing.assert_allclose(ramp(0, 8, 16, 1, 2), [1, 1, 1, 1, 1, 0.75, 0.25, 0])  # nothing was padded there
    np.testing.assert_allclose(ramp(8, 8, 16, 1, 2), [0, 0.25, 0.75, 1, 1, 1, 1, 1])


def picture(height, width):
    return np.random.default_rng(0).uniform(-1, 1, (1, 3, height, width)).astype(np.float32)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 100), (44, 36), (8, 8), (128, 20)])
@pytest.mark.parametrize("tile", [(16, 16), (16, 32), (32, 16), (8, 8)])
def test_a_network_that_does_nothing_gives_the_picture(height, width, tile):
    image = picture(height, width)
    np.testing.assert_allclose(draw_tiled(lambda part: part, image, tile, 4), image, atol=1e-6)


def test_every_tile_has_the_size_the_network_takes():
    shapes = []
    draw_tiled(lambda part: shapes.append(part.shape) or part, picture(44, 100), (16, 32), 4)
    assert set(shapes) == {(1, 3, 16, 32)}


def test_what_a_tile_draws_at_its_inner_edge_does_not_show():
    """Each tile is 0 but for its outermost pixel, as padding might make it; at the picture's edge it is kept."""

    def frame(part):
        result = np.zeros_like(part)
        result[..., (0, -1), :] = result[..., (0, -1)] = 1
        return result

    drawn = draw_tiled(frame, picture(64, 64), (32, 32), 4)[0, 0]
    assert not drawn[1:-1, 1:-1].any()
    assert (drawn[0] > 0).all()


def test_tiles_of_other_brightness_meet_without_a_step():
    values = iter((0.0, 1.0))
    drawn = draw_tiled(lambda part: np.full_like(part, next(values)), picture(64, 112), (64, 64), 4)[0, 0, 0]
    assert drawn[0] == 0
    assert drawn[-1] == 1
    assert 0 < np.diff(drawn).max() < 0.2
