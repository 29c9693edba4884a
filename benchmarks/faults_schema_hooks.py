"""What schemathesis is told about the service under test. Loaded by it, not by us.

Ids that exist are put in about half of the paths, so that the requests come further than "not
found". ``ADAPTNET_SCHEMA_PLACES`` holds them as JSON, ``ADAPTNET_SCHEMA_SECRETS`` what the key in
use must never get to see.
"""

import contextlib
import json
import os
from typing import Any

import schemathesis
from hypothesis import strategies as st

PLACES: dict[str, list[str]] = json.loads(os.environ.get("ADAPTNET_SCHEMA_PLACES", "{}"))
MAX_WAIT = 0.1
OWN_KEY = os.environ.get("ADAPTNET_SCHEMA_OWN_KEY", "")
SECRETS: list[str] = json.loads(os.environ.get("ADAPTNET_SCHEMA_SECRETS", "[]"))


@schemathesis.hook
def before_generate_path_parameters(context: Any, strategy: Any) -> Any:  # noqa: ANN401
    """Mix ids that exist into those that were made up."""
    path = context.operation.path

    def exchange(drawn: tuple[Any, bool, int]) -> Any:  # noqa: ANN401
        generated, real, choice = drawn
        if not real or not isinstance(generated, dict):
            return generated
        return {name: _real(path, name, choice) or value for name, value in generated.items()}

    return st.tuples(strategy, st.booleans(), st.integers(0, 99)).map(exchange)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:  # noqa: ANN401, ARG001
    """Spare the key in use, which lists of keys name, and do not wait for minutes."""
    if OWN_KEY in (case.path_parameters or {}).values():
        case.path_parameters["key_id"] = "key_of_nobody"
    with contextlib.suppress(TypeError, ValueError):
        if float((case.query or {}).get("wait")) > MAX_WAIT:
            case.query["wait"] = MAX_WAIT


@schemathesis.check
def no_foreign_data(context: Any, response: Any, case: Any) -> None:  # noqa: ANN401, ARG001
    """A key sees nothing of another project. Refusals may repeat what was asked for."""
    if response.status_code < 400:
        seen = [secret for secret in SECRETS if secret in response.text]
        if seen:
            raise AssertionError(f"the answer holds {seen[0]} of another project")


def _real(path: str, name: str, choice: int) -> str | None:
    resource = path.split("/")[2]
    known = PLACES.get(f"{resource}.{name}") or PLACES.get(name)
    return known[choice % len(known)] if known else None
