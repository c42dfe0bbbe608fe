"""Transforms of the plane and of colours as matrices of homogeneous coordinates, one for each image of a batch."""

import numpy as np

LUMA = np.array([1, 1, 1, 0]) / np.sqrt(3)  # the axis of greys


def scaling(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of the axes by factors [num] each: [num, 3, 3]."""
    total = np.zeros((len(x), 3, 3))
    total[:, 0, 0], total[:, 1, 1], total[:, 2, 2] = x, y, 1
    return total


def rotation(angle: np.ndarray) -> np.ndarray:
    """By `angle` [num], from the x axis to the y axis: [num, 3, 3]."""
    total = scaling(np.cos(angle), np.cos(angle))
    total[:, 0, 1], total[:, 1, 0] = -np.sin(angle), np.sin(angle)
    return total


def shift(by: np.ndarray) -> np.ndarray:
    """By (x, y) of `by` [num, 2]: [num, 3, 3]."""
    total = scaling(np.ones(len(by)), np.ones(len(by)))
    total[:, :2, 2] = by
    return total


def turn_of_hue(angle: np.ndarray) -> np.ndarray:
    """The rotation of colours about the axis of greys by `angle` [num] (Rodrigues' formula): [num, 4, 4]."""
    x, y, z = LUMA[:3]
    cross = np.zeros((4, 4))
    cross[:3, :3] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
    turn = np.sin(angle)[:, None, None] * cross + (1 - np.cos(angle))[:, None, None] * (cross @ cross)
    return np.eye(4) + turn
