"""Which pixel a kernel's tap meets, as row numbers.

Images are matrices of rows here, one a pixel, channels in it: [N H W, C]. So patches are gathered, and sums over the
places where patches overlap are segment sums. Row numbers are constants of a compiled graph where the image's size is
known, and computed with it where it is not, in an exported one. The formulas are the same: NumPy's and MindSpore's
operators have the same signs.
"""

import numpy as np
from mindspore import Tensor, ops
from mindspore.ops.functional import is_sequence_value_unknown


def sources(shape: tuple, kernel: tuple, stride: tuple, padding: tuple, is_reflected: bool) -> Tensor:
    """What a convolution's patches are made of.

    Args:
        shape: N, H and W of its input.
        kernel: its height and width, k and l.
        stride: down and across, in pixels.
        padding: above and below, left and right, in pixels.
        is_reflected: whether the padding mirrors the image without its edge; otherwise it is 0.

    Returns:
        Integers [N H' W' k l], where N H W stands for a row of zeros behind the image's.
    """
    taps = (around(kernel[0], padding[0]), around(kernel[1], padding[1]))
    num, height, width = shape
    out_height = (height + 2 * padding[0] - kernel[0]) // stride[0] + 1
    out_width = (width + 2 * padding[1] - kernel[1]) // stride[1] + 1
    if is_sequence_value_unknown(shape):
        numbers = ops.arange(num), ops.arange(out_height), ops.arange(out_width)
        return _row_numbers(numbers, (Tensor(taps[0]), Tensor(taps[1])), stride, (height, width), num, is_reflected)
    return _known_row_numbers((num, out_height, out_width), taps, stride, (height, width), is_reflected)


@ops.constexpr
def around(kernel: int, padding: int) -> tuple:
    """Where the taps of a kernel look, from the first pixel that it meets on an axis."""
    return tuple(tap - padding for tap in range(kernel))


def targets(shape: tuple, taps: tuple, stride: tuple, out_shape: tuple) -> Tensor:
    """Where each pixel's products with a kernel belong.

    Args:
        shape: N, H and W of the input.
        taps: offsets of the kernel's k taps down and of its l taps across, in pixels of the output.
        stride: pixels of the output from one pixel of the input to the next, down and across.
        out_shape: H' and W', height and width of the output.

    Returns:
        Integers [N H W k l], where N H' W' stands for nowhere.
    """
    if is_sequence_value_unknown(shape):
        numbers = ops.arange(shape[0]), ops.arange(shape[1]), ops.arange(shape[2])
        return _row_numbers(numbers, (Tensor(taps[0]), Tensor(taps[1])), stride, out_shape, shape[0], False)
    return _known_row_numbers(shape, taps, stride, out_shape, False)


@ops.constexpr
def _known_row_numbers(shape: tuple, taps: tuple, stride: tuple, met_shape: tuple, is_reflected: bool) -> Tensor:
    numbers, looks = tuple(np.arange(size) for size in shape), tuple(np.array(axis) for axis in taps)
    return Tensor(_row_numbers(numbers, looks, stride, met_shape, shape[0], is_reflected).astype(np.int32))


def _row_numbers(numbers, taps, stride, met_shape, num, is_reflected):  # type: ignore[no-untyped-def]  # compiled too
    """Of the pixels that the taps meet in images of `met_shape`, one behind all where they meet none.

    Args:
        numbers: of the images, rows and columns from which the taps look.
        taps: how far, down and across.
        stride: pixels of the images met from one row, and from one column, to the next.
        met_shape: their height and width.
        num: how many they are.
        is_reflected: whether the taps meet a mirror at the edge.
    """
    images, rows, columns = numbers
    height, width = met_shape
    rows = stride[0] * rows.reshape(-1, 1, 1, 1) + taps[0].reshape(-1, 1)  # [H, 1, k, 1]
    columns = stride[1] * columns.reshape(-1, 1, 1) + taps[1]  # [W, 1, l]
    if is_reflected:
        rows = height - 1 - abs(height - 1 - abs(rows))
        columns = width - 1 - abs(width - 1 - abs(columns))
    behind = num * height * width
    pixels = height * width * images.reshape(-1, 1, 1, 1, 1) + rows * width + columns
    before = (pixels - behind) * (rows >= 0) * (rows < height) * (columns >= 0) * (columns < width)
    return (behind + before).reshape(-1)
