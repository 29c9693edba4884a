"""How many jobs go before one that waits, where projects take turns."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """One project in a queue, at one priority.

    ``waiting`` jobs queued, ``older`` of them before the job that is asked about, ``running`` ones
    with a worker. ``served_at`` is when it last got one, ``oldest`` since when its first job waits.
    """

    project_id: str
    waiting: int
    older: int
    running: int
    served_at: datetime | None
    oldest: datetime

    @property
    def turn(self) -> tuple[int, datetime, datetime]:
        """Whose is smaller goes first, once as many jobs of both run.

        Who runs fewer now is served until then, so that is the one that was served last.
        """
        return (-self.running, self.served_at or NEVER, self.oldest)


def ahead(project_id: str, standings: Iterable[Standing]) -> int:
    """Jobs that get a worker before the project's job that ``older`` counts towards.

    Every project is served in its turn, the one with the fewest running jobs first. An estimate: it
    takes the jobs that run now to go on running, and nobody to queue another.
    """
    found = {standing.project_id: standing for standing in standings}
    mine = found.pop(project_id, None)
    if mine is None:
        return 0
    return mine.older + sum(_ahead_of(mine, other) for other in found.values())


def _ahead_of(mine: Standing, other: Standing) -> int:
    """Jobs of another project that are served first.

    The k-th job of a project, counted from 0, starts when it has ``running + k`` others.
    """
    rounds = mine.running + mine.older - other.running + int(other.turn < mine.turn)
    return min(max(rounds, 0), other.waiting)
