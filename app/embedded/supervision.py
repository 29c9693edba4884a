"""Keep children running: restart with growing pauses, give up when it does not help."""

import logging
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.embedded.children import Child, describe
from app.embedded.errors import ChildFailed

MAX_RESTARTS_A_MINUTE = 5
FIRST_PAUSE_SECONDS = 0.1

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Watched:
    """A child, when it died in the last minute, and when it is to be started again."""

    child: Child
    deaths: deque[float] = field(default_factory=deque)
    due: float | None = None

    def look(self, now: float) -> None:
        """Note a death, or end the pause after one. Raises ``ChildFailed`` to give up."""
        if self.due is not None:
            if now >= self.due:
                self.due = None
                self.child.start()
            return
        status = self.child.exit_status()
        if status is None:
            return
        self._count(now)
        reason = f"{self.child.command.name} {describe(status)}"
        if len(self.deaths) > MAX_RESTARTS_A_MINUTE:
            raise ChildFailed(
                f"{reason}, for the {len(self.deaths)}th time within a minute; "
                f"its log {self.child.command.log} ends with:\n{self.child.log_tail()}"
            )
        pause = FIRST_PAUSE_SECONDS * 2 ** (len(self.deaths) - 1)
        self.due = now + pause
        log.warning("%s; starting it again in %.2g s", reason, pause)

    def _count(self, now: float) -> None:
        self.deaths.append(now)
        while self.deaths[0] < now - 60.0:
            self.deaths.popleft()


def look_after(watched: Iterable[Watched]) -> None:
    """One round over all children."""
    now = time.monotonic()
    for item in watched:
        item.look(now)
