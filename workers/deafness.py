"""Notices a worker that hears no bell any more, and has it connect anew.

A message counts against the worker's window until it is acknowledged. Where the broker goes away
just then, Celery logs that it could not acknowledge and never tries again; the window stays full,
nothing is asked of the broker, and so nobody notices that the connection is gone. The worker
would be idle for ever.
"""

from typing import Any

from celery import bootsteps
from celery.worker import state

LOOK_SECONDS = 2.0


class Deafness(bootsteps.StartStopStep):
    """A look now and then at whether the window is full of messages that nobody works on."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: object) -> None:  # noqa: ANN401  (Celery's own)
        super().__init__(consumer, **options)
        self._timer: Any = None
        self._before = False

    def start(self, consumer: Any) -> None:  # noqa: ANN401
        """Begin to look."""
        self._before = False
        self._timer = consumer.timer.call_repeatedly(LOOK_SECONDS, self._look, (consumer,))

    def stop(self, consumer: Any) -> None:  # noqa: ANN401, ARG002
        """Look no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, consumer: Any) -> None:  # noqa: ANN401
        """Twice in a row, because a message may be between two steps at one look."""
        window = consumer.task_consumer.channel.qos
        deaf = not window.can_consume() and not state.reserved_requests
        if deaf and self._before:
            raise ConnectionResetError("a message could not be acknowledged; connecting anew")
        self._before = deaf
