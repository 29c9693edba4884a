"""Wait for something that cannot be broken off, without being held up by it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.2


def call(action: Callable[[], T], look_up: Callable[[], None]) -> T:
    """What ``action`` returns or raises; whatever ``look_up`` raises meanwhile ends the wait.

    The action is then left to itself, in a thread that no one waits for: a transfer ends by its own
    time limits, and what it still writes belongs to an attempt that is over.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(action())
        except BaseException as error:  # noqa: BLE001  (handed over, whatever it is)
            future.set_exception(error)

    threading.Thread(target=run, daemon=True, name="interruptible").start()
    while not wait([future], POLL_SECONDS).done:
        look_up()
    return future.result()
