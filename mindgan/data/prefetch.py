"""What is computed ahead in threads, so that who asks does not wait: a function of `nimg`, or of a list's items."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREAD_NAME = "mindgan-prefetch"


def map_ahead(task: Callable[[Item], Result], items: Iterable[Item], *, num_threads: int) -> Iterator[Result]:
    """`task` of every item in the order of the items; it runs in threads, for no more items ahead than threads.

    An error of `task` arrives in the place of its result, and ends the threads.
    """
    with ThreadPoolExecutor(num_threads, THREAD_NAME) as pool:
        coming: deque[Future[Result]] = deque()
        for item in items:
            coming.append(pool.submit(task, item))
            if len(coming) > num_threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


class Prefetch(Generic[Result]):
    """Calls `make(nimg)` in a thread for the positions that come next. A context manager: leaving it ends the thread.

    What is asked for is what `make` gives, in any order of asking; asking in steps of `advance` is fast. Errors of
    `make` arrive when their position is asked for, and end the thread.
    """

    def __init__(self, make: Callable[[int], Result], *, advance: int, ahead: int = 2):
        """
        Args:
            make: depends on its argument alone; runs in one thread.
            advance: what `nimg` grows by from one question to the next, at least 1.
            ahead: results that are kept ready, at least 1; so many more are in memory.
        """
        self._make = make
        self._advance = advance
        self._ahead = ahead
        self._coming: dict[int, Future[Result]] = {}
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=THREAD_NAME)

    def __call__(self, nimg: int) -> Result:
        """`make(nimg)`, of which the next ones are begun.

        Raises:
            RuntimeError: after `close`, or after an error.
        """
        wanted = [nimg + step * self._advance for step in range(self._ahead + 1)]
        for stale in self._coming.keys() - set(wanted):
            self._coming.pop(stale).cancel()
        try:
            for position in wanted:
                if position not in self._coming:
                    self._coming[position] = self._executor.submit(self._make, position)
            return self._coming.pop(nimg).result()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the thread; waits for the result it is making, if any."""
        self._coming.clear()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> "Prefetch[Result]":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
