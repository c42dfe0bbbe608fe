"""One Cell for all places that want the same: MindSpore parses each Cell anew, and what it is made of."""

import functools
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from mindspore import nn

Shared = TypeVar("Shared", bound=nn.Cell)


def shared(kind: Callable[..., Shared], /, *args: Hashable, **options: Hashable) -> Shared:
    """A Cell of this kind with these options, every time the same.

    It must have neither parameters nor a state.
    """
    made: Shared = _made(kind, *args, **options)
    return made


@functools.lru_cache(maxsize=None, typed=True)  # 1 and 1.0 compile to other graphs
def _made(kind: Callable[..., Any], *args: Hashable, **options: Hashable) -> Any:
    return kind(*args, **options)
