"""Routes under /v1/api-keys, and who am I."""

from fastapi import APIRouter

from app.api.deps import Admin, AnyCaller, Database
from app.api.problems import problems
from app.api.schemas.keys import KeyIn, KeyOut, KeysOut, MeOut, NewKeyOut
from app.domain.errors import KeyInvalid, KeyMissing, NotFound, ScopeMissing
from app.services import keys

router = APIRouter(tags=["keys"])


@router.get("/v1/me", operation_id="me_get", responses=problems(KeyMissing, KeyInvalid))
def me(caller: AnyCaller) -> MeOut:
    """Who the key belongs to and what it may do: the first call of every tutorial."""
    return MeOut(
        project=caller.project_name,
        project_id=caller.project_id,
        key_id=caller.key_id,
        scopes=sorted(caller.scopes),
        links={"datasets": "/v1/datasets", "jobs": "/v1/jobs", "models": "/v1/models"},
    )


@router.get("/v1/api-keys", operation_id="keys_list", responses=problems(ScopeMissing))
def list_keys(caller: Admin, db: Database) -> KeysOut:
    """All keys of the project, without their secrets."""
    return KeysOut(data=[KeyOut.model_validate(key) for key in keys.of_project(db, caller)])


@router.post(
    "/v1/api-keys", status_code=201, operation_id="keys_create", responses=problems(ScopeMissing)
)
def create_key(body: KeyIn, caller: Admin, db: Database) -> NewKeyOut:
    """Make a key. The secret is shown in this answer only."""
    key, secret = keys.create(
        db, caller.project_id, body.name, body.scopes, body.expires_at, by=caller
    )
    return NewKeyOut(secret=secret, **KeyOut.model_validate(key).model_dump())


@router.delete(
    "/v1/api-keys/{key_id}",
    status_code=204,
    operation_id="keys_revoke",
    responses=problems(ScopeMissing, NotFound),
)
def revoke_key(key_id: str, caller: Admin, db: Database) -> None:
    """End a key's life at once."""
    keys.revoke(db, caller, key_id)
