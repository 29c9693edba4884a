"""Independent pieces of numerical work side by side, one thread each.

Many products of a few hundred columns gain nothing from the threads of a BLAS, whose idle ones
even spin and slow the others down; whole pieces in threads of their own gain all of it.

Source: none.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from app.science.linalg import one_thread

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """``function`` of every item, in order; as many at a time as torch may use threads."""
    work = list(items)
    n_threads = min(torch.get_num_threads(), len(work))
    if n_threads <= 1:
        return [function(item) for item in work]
    with (
        one_thread(),
        ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        return list(pool.map(function, work))
