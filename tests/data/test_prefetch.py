"""Results made ahead in a thread: the same as made directly, errors arrive, no thread is left."""

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindgan.data.prefetch import THREAD_NAME, Prefetch, map_ahead


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)]


@given(st.lists(st.integers(0, 8), max_size=12), st.integers(1, 3))
@settings(deadline=None, max_examples=30)
def test_any_order_of_asking_gives_what_the_function_gives(order: list[int], ahead: int) -> None:
    with Prefetch(lambda nimg: nimg**2, advance=2, ahead=ahead) as prefetch:
        assert [prefetch(2 * step) for step in order] == [4 * step**2 for step in order]
    assert threads() == []


def test_the_next_ones_are_made_while_nobody_asks_and_no_more() -> None:
    made: list[int] = []
    with Prefetch(lambda nimg: made.append(nimg) or nimg, advance=5, ahead=2) as prefetch:
        assert prefetch(10) == 10
        deadline = time.monotonic() + 5
        while len(made) < 3 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.02)
        assert made == [10, 15, 20]
        assert prefetch(15) == 15
    assert made[:3] == [10, 15, 20]
    assert sorted(set(made)) == sorted(made)


def test_they_are_made_in_another_thread() -> None:
    with Prefetch(lambda _: threading.current_thread().name, advance=1) as prefetch:
        assert prefetch(0).startswith(THREAD_NAME)


def failing(nimg: int) -> int:
    if nimg == 2:
        raise ValueError("number 2 is bad")
    return nimg


def test_an_error_arrives_where_it_belongs_and_ends_the_thread() -> None:
    prefetch = Prefetch(failing, advance=1, ahead=3)
    assert [prefetch(0), prefetch(1)] == [0, 1]
    with pytest.raises(ValueError, match="number 2 is bad"):
        prefetch(2)
    assert threads() == []
    with pytest.raises(RuntimeError, match="shutdown"):
        prefetch(0)


def test_an_error_that_nobody_asks_for_is_nobodys() -> None:
    with Prefetch(failing, advance=1) as prefetch:
        assert [prefetch(1), prefetch(3)] == [1, 3]


def test_an_exception_of_the_user_leaves_no_thread() -> None:
    def train() -> None:
        with Prefetch(lambda nimg: nimg, advance=1) as prefetch:
            prefetch(0)
            assert len(threads()) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()
    assert threads() == []


def test_what_is_dropped_without_closing_leaves_no_thread() -> None:
    prefetch = Prefetch(lambda nimg: nimg, advance=1)
    prefetch(0)
    del prefetch
    deadline = time.monotonic() + 5
    while threads() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert threads() == []


def test_a_map_ahead_is_a_map_in_order() -> None:
    def late(number: int) -> int:
        time.sleep(0.01 * (number % 3 == 0))
        return number**2

    assert list(map_ahead(late, range(20), num_threads=3)) == [number**2 for number in range(20)]
    assert list(map_ahead(late, [], num_threads=1)) == []
    assert threads() == []


def test_a_map_ahead_asks_for_no_more_items_than_it_has_threads() -> None:
    asked = []
    results = map_ahead(lambda item: item, (asked.append(item) or item for item in range(100)), num_threads=2)
    assert next(results) == 0
    assert len(asked) == 3
    results.close()  # type: ignore[attr-defined]
    assert threads() == []


def test_an_error_of_a_map_ahead_arrives_in_its_place() -> None:
    results = map_ahead(lambda number: 1 // number, [2, 1, 0, 1], num_threads=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threads() == []
