"""Queries on models and their versions."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from app.db import rows
from app.db.tables import model, model_version
from app.domain.datasets import Reference
from app.domain.ids import new_id
from app.domain.models import ModelVersion


def register(db: Connection, project_id: str, name: str, values: dict[str, Any]) -> ModelVersion:
    """Add the next version of a model; makes the model at its first."""
    statement = (
        upsert(model)
        .values(id=new_id("mdl"), project_id=project_id, name=name, latest_version=1)
        .on_conflict_do_update(
            index_elements=["project_id", "name"],
            set_={"latest_version": model.c.latest_version + 1},
        )
        .returning(model.c.id, model.c.latest_version)
    )
    model_id, version = db.execute(statement).one()
    added = (
        insert(model_version)
        .values(
            id=new_id("mv"),
            project_id=project_id,
            model_id=model_id,
            name=name,
            version=version,
            **values,
        )
        .returning(*rows.MODEL_VERSION)
    )
    return rows.model_version(db.execute(added).mappings().one())


def find(db: Connection, project_id: str, reference: Reference) -> ModelVersion | None:
    """A version by the model's name and number, the newest without one."""
    query = select(*rows.MODEL_VERSION).where(
        model_version.c.project_id == project_id, model_version.c.name == reference.name
    )
    if reference.version is not None:
        query = query.where(model_version.c.version == reference.version)
    query = query.order_by(model_version.c.version.desc()).limit(1)
    row = db.execute(query).mappings().one_or_none()
    return None if row is None else rows.model_version(row)


def names(db: Connection, project_id: str) -> list[str]:
    """Names to suggest from."""
    query = select(model.c.name).where(model.c.project_id == project_id).limit(1000)
    return list(db.execute(query).scalars())


def versions(db: Connection, project_id: str, name: str) -> list[ModelVersion]:
    """All versions of a model, newest first."""
    query = (
        select(*rows.MODEL_VERSION)
        .where(model_version.c.project_id == project_id, model_version.c.name == name)
        .order_by(model_version.c.version.desc())
    )
    return [rows.model_version(row) for row in db.execute(query).mappings()]


def page(
    db: Connection, project_id: str, *, after: tuple[datetime, str] | None, limit: int
) -> list[ModelVersion]:
    """Versions, newest first, from behind the cursor."""
    query = select(*rows.MODEL_VERSION).where(model_version.c.project_id == project_id)
    if after is not None:
        query = query.where(tuple_(model_version.c.created_at, model_version.c.id) < tuple_(*after))
    query = query.order_by(model_version.c.created_at.desc(), model_version.c.id.desc())
    return [rows.model_version(row) for row in db.execute(query.limit(limit)).mappings()]
