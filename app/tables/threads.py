"""Small pieces of work in threads, several a task: handing over one costs as much as the piece."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

MAX_THREADS = 4  # each may hold an image of the largest size, decoded
PER_TASK = 16

Item = TypeVar("Item")
Result = TypeVar("Result")


def new_pool() -> ThreadPoolExecutor:
    """Threads for decoding; Pillow lets others run meanwhile."""
    return ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1))


def in_order(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """``function`` of every item, in the order of ``items``, which is read at once."""
    rest = iter(items)
    tasks = iter(lambda: list(islice(rest, PER_TASK)), [])
    for results in pool.map(lambda task: [function(item) for item in task], tasks):
        yield from results
