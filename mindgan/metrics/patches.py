"""Layers of feature networks in NumPy, channels last: patches and matrix products.

No framework: features need no gradients, the numbers are the same on every device, and the product of patches and
kernel takes nearly all the time.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def channels_last(kernel: np.ndarray) -> np.ndarray:
    """A kernel [out, channels, height, width], as PyTorch keeps it, to float32 [height, width, channels, out]."""
    return np.ascontiguousarray(kernel.transpose(2, 3, 1, 0), np.float32)


def convolve_relu(
    x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, *, stride: int = 1, padding: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """max(0, x * kernel + bias).

    Args:
        x: float32 [N, H, W, C].
        kernel: float32 [height, width, C, out].
        bias: float32 [out].
        stride: of rows and columns.
        padding: rows and columns of zeros on every side.

    Returns:
        float32 [N, H', W', out].
    """
    height, width, channels, out = kernel.shape
    x = pad(x, padding, 0.0)
    windows = sliding_window_view(sliding_window_view(x, height, 1), width, 2)[:, ::stride, ::stride]
    places = windows.shape[:3]  # of [N, H', W', C, height, width]
    rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, height * width * channels)
    y = rows @ kernel.reshape(-1, out)
    y += bias
    np.maximum(y, 0, out=y)
    return y.reshape(*places, out)


def max_pool(x: np.ndarray, stride: int) -> np.ndarray:
    """The maximum over 3 by 3 places of [N, H, W, C] that lie inside, every `stride` rows and columns."""
    height, width = (size - 2 for size in x.shape[1:3])
    rows = np.maximum(np.maximum(x[:, :height:stride], x[:, 1 : height + 1 : stride]), x[:, 2::stride])
    return np.maximum(np.maximum(rows[:, :, :width:stride], rows[:, :, 1 : width + 1 : stride]), rows[:, :, 2::stride])


def pad(x: np.ndarray, padding: tuple[int, int], value: float) -> np.ndarray:
    """[N, H, W, C] with rows and columns of `value` on every side."""
    rows, columns = padding
    return np.pad(x, ((0, 0), (rows, rows), (columns, columns), (0, 0)), constant_values=value) if any(padding) else x
