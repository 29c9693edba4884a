"""Queries on datasets and their versions."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.db import rows
from app.db.tables import dataset, dataset_version
from app.domain.datasets import DatasetVersion, Reference
from app.domain.ids import new_id


def next_version(db: Connection, project_id: str, name: str) -> tuple[str, int]:
    """The dataset's id and the number of a new version; makes the dataset at its first."""
    statement = (
        upsert(dataset)
        .values(id=new_id("ds"), project_id=project_id, name=name, latest_version=1)
        .on_conflict_do_update(
            index_elements=["project_id", "name"],
            set_={"latest_version": dataset.c.latest_version + 1},
        )
        .returning(dataset.c.id, dataset.c.latest_version)
    )
    row = db.execute(statement).one()
    return row[0], row[1]


def add_version(db: Connection, values: dict[str, Any]) -> DatasetVersion:
    """Insert a version that waits to be parsed."""
    statement = insert(dataset_version).values(**values).returning(*rows.DATASET_VERSION)
    return rows.dataset_version(db.execute(statement).mappings().one())


def find(db: Connection, project_id: str, reference: Reference) -> DatasetVersion | None:
    """A version by name and number (the newest without one), or by its id."""
    query = select(*rows.DATASET_VERSION).where(dataset_version.c.project_id == project_id)
    by_id = query.where(dataset_version.c.id == reference.name)
    by_name = query.where(dataset_version.c.name == reference.name)
    if reference.version is not None:
        by_name = by_name.where(dataset_version.c.version == reference.version)
    for candidate in (by_name.order_by(dataset_version.c.version.desc()).limit(1), by_id):
        row = db.execute(candidate).mappings().one_or_none()
        if row is not None:
            return rows.dataset_version(row)
    return None


def by_id(db: Connection, version_id: str) -> DatasetVersion | None:
    """A version for a worker, which has no project of its own."""
    query = select(*rows.DATASET_VERSION).where(dataset_version.c.id == version_id)
    row = db.execute(query).mappings().one_or_none()
    return None if row is None else rows.dataset_version(row)


def names(db: Connection, project_id: str) -> list[str]:
    """Names to suggest from."""
    query = select(dataset.c.name).where(dataset.c.project_id == project_id).limit(1000)
    return list(db.execute(query).scalars())


def versions(db: Connection, project_id: str, name: str) -> list[DatasetVersion]:
    """All versions of a dataset, newest first."""
    query = (
        select(*rows.DATASET_VERSION)
        .where(dataset_version.c.project_id == project_id, dataset_version.c.name == name)
        .order_by(dataset_version.c.version.desc())
    )
    return [rows.dataset_version(row) for row in db.execute(query).mappings()]


def page(
    db: Connection, project_id: str, *, after: tuple[datetime, str] | None, limit: int
) -> list[DatasetVersion]:
    """Versions, newest first, from behind the cursor."""
    query = select(*rows.DATASET_VERSION).where(dataset_version.c.project_id == project_id)
    if after is not None:
        position = tuple_(dataset_version.c.created_at, dataset_version.c.id)
        query = query.where(position < tuple_(*after))
    query = query.order_by(dataset_version.c.created_at.desc(), dataset_version.c.id.desc()).limit(
        limit
    )
    return [rows.dataset_version(row) for row in db.execute(query).mappings()]


def settle(db: Connection, job_id: str, values: dict[str, Any]) -> None:
    """Write what the parsing of a version found."""
    db.execute(
        update(dataset_version)
        .where(dataset_version.c.job_id == job_id, dataset_version.c.status == "parsing")
        .values(ready_at=func.now(), **values)
    )


def remove(db: Connection, project_id: str, name: str) -> None:
    """Delete a dataset with all its versions."""
    db.execute(delete(dataset).where(dataset.c.project_id == project_id, dataset.c.name == name))
