"""Deletes files that no row names: ``python -m app.services.sweeper [--dry-run]``.

Called by the dispatchers now and then, one of them at a time. Safe beside any writer, as
``app.db.queries.blobs`` says: a file's row goes first, and a key without a row never gets one.
"""

import argparse
import contextlib
import itertools
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta

import structlog

from app.db.queries import blobs as queries
from app.db.session import exclusive, transaction
from app.domain.errors import ServiceError
from app.logs import configure
from app.services import blobs
from app.settings import settings
from app.storage.blob import Blob

log = structlog.get_logger(__name__)

BATCH = 1000
LOCK = 0x61646170  # any number that nobody else locks; it saves work, safe are two as well


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep found: orphans with a row, files without one, parts of files; and failures."""

    listed: int = 0
    orphans: int = 0
    rowless: int = 0
    partial: int = 0
    bytes: int = 0
    failed: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(*(a + b for a, b in zip(_counts(self), _counts(other), strict=True)))


def run(*, dry_run: bool = False) -> Swept | None:
    """One sweep over everything, in bounded memory; None where another process is sweeping."""
    with exclusive(LOCK) as alone:
        if not alone:
            return None
        found = _orphans(dry_run=dry_run) + _rowless(dry_run=dry_run)
        if not dry_run:
            found += Swept(partial=blobs.store().remove_partial(settings.sweep_grace_seconds))
        log.info("swept", dry_run=dry_run, **asdict(found))
        return found


def keep_running(stopped: threading.Event) -> None:
    """Sweep every ``sweep_seconds`` until ``stopped``; an outage costs one sweep, no more."""
    while not stopped.wait(settings.sweep_seconds):
        try:
            run()
        except ServiceError as error:
            log.warning("not swept, trying again later", error=str(error))
        except Exception:
            log.exception("not swept, trying again later")


def _orphans(*, dry_run: bool) -> Swept:
    """Files that have a row and no user."""
    found, last = Swept(), ""
    grace = timedelta(seconds=settings.sweep_grace_seconds)
    while True:
        with transaction() as db:
            orphans = queries.orphans(db, grace, after=last, limit=BATCH)
            gone = orphans if dry_run else queries.forget(db, orphans.keys(), grace)
        if not orphans:
            return found
        last = max(orphans)
        deleted = _delete(gone, dry_run=dry_run)
        found += Swept(orphans=len(gone), bytes=sum(gone.values()), failed=len(gone) - deleted)


def _rowless(*, dry_run: bool) -> Swept:
    """Files that have no row: of writers that came too late, or whose deletion failed.

    Only below projects of this database. With a wrong database nothing is deleted.
    """
    with transaction() as db:
        projects = queries.projects(db)
    found = Swept()
    for project_id in projects:
        for batch in _batches(blobs.store().list(f"{blobs.PREFIX}/{project_id}")):
            with transaction() as db:
                known = queries.known(db, {blob.key for blob in batch})
            gone = {blob.key: blob.size for blob in batch if blob.key not in known}
            deleted = _delete(gone, dry_run=dry_run)
            found += Swept(
                listed=len(batch),
                rowless=len(gone),
                bytes=sum(gone.values()),
                failed=len(gone) - deleted,
            )
    return found


def _delete(keys: dict[str, int], *, dry_run: bool) -> int:
    deleted = 0
    for key in keys:
        with contextlib.suppress(ServiceError):
            if not dry_run:
                blobs.store().delete(key)
            deleted += 1
    return deleted


def _batches(found: Iterator[Blob]) -> Iterator[list[Blob]]:
    while batch := list(itertools.islice(found, BATCH)):
        yield batch


def _counts(swept: Swept) -> Iterator[int]:
    return iter(asdict(swept).values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="count, delete nothing")
    options = parser.parse_args()
    configure(json=settings.log_json)
    swept = run(dry_run=options.dry_run)
    sys.stdout.write(f"{swept}\n" if swept else "another process is sweeping\n")
