"""A first project with a first key: ``python -m app.services.bootstrap PROJECT``."""

import sys

from app.db.queries import keys as key_queries
from app.db.session import transaction
from app.domain.callers import SCOPES
from app.services import keys


def ensure(project: str) -> str:
    """Make the project where it does not exist, and a new admin key for it; returns the secret."""
    with transaction() as db:
        project_id = key_queries.ensure_project(db, project)
        _, secret = keys.create(db, project_id, "bootstrap", SCOPES)
    return secret


if __name__ == "__main__":
    sys.stdout.write(ensure(sys.argv[1] if len(sys.argv) > 1 else "default") + "\n")
