"""What the embedded service consists of, beside its two servers."""

import os
import subprocess
import sys
from pathlib import Path

import app
from app.embedded.children import TAIL_BYTES, Command
from app.embedded.errors import ChildFailed
from app.embedded.servers import Endpoints
from app.embedded.state import Home, write_private

ROOT = Path(app.__file__).resolve().parents[1]
PROJECT = "demo"
QUEUES = ("cpu", "io")
SETUP_SECONDS = 120.0


def prepare(home: Home, endpoints: Endpoints, host: str, port: int) -> list[Command]:
    """Bring the database up to date, make the first key, and return what is to run."""
    home.empty_scratch()
    env = environment(home, endpoints)
    _run(home, env, "alembic", "-c", str(ROOT / "migrations" / "alembic.ini"), "upgrade", "head")
    if endpoints.created or not home.api_key_file.exists():
        key = _run(home, env, "app.services.bootstrap", PROJECT)
        write_private(home.api_key_file, key.strip())
    return commands(home, env, host, port)


def environment(home: Home, endpoints: Endpoints) -> dict[str, str]:
    """Settings of every child; ``ADAPTNET_RUN`` is how a leftover is recognized later."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "ADAPTNET_DATABASE_URL": endpoints.database_url,
        "ADAPTNET_BROKER_URL": endpoints.broker_url,
        "ADAPTNET_STORE_URL": home.store.as_uri(),
        "ADAPTNET_SCRATCH_DIR": str(home.scratch),
        "ADAPTNET_HOME": str(home.folder),
        "ADAPTNET_RUN": home.mark,
        # Receivers on this machine and without a certificate are what one has while trying out.
        "ADAPTNET_WEBHOOK_ALLOW_PRIVATE": "true",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
    }


def commands(home: Home, env: dict[str, str], host: str, port: int) -> list[Command]:
    """The API, the dispatcher, and a worker for each queue of a machine without accelerator."""
    serve = (
        "uvicorn",
        "app.main:app",
        "--host",
        host,
        "--port",
        str(port),
        "--no-server-header",
        "--no-access-log",
        "--timeout-graceful-shutdown",
        "5",
    )
    return [
        _python(home, env, "api", serve),
        _python(home, env, "dispatcher", ("workers.dispatcher",)),
        *(_worker(home, env, queue) for queue in QUEUES),
    ]


def _worker(home: Home, env: dict[str, str], queue: str) -> Command:
    work = (
        *("celery", "-A", "workers.celery_app", "worker", "-Q", queue, "-P", "threads", "-c", "1"),
        *("--without-mingle", "--without-gossip"),
    )
    # Celery's SIGTERM waits for the running task without end; as SIGQUIT it hands the task back.
    more = {"REMAP_SIGTERM": "SIGQUIT", "ADAPTNET_WORKER_QUEUE": queue}
    return _python(home, {**env, **more}, f"worker-{queue}", work, grace_seconds=25.0)


def _python(
    home: Home,
    env: dict[str, str],
    name: str,
    module: tuple[str, ...],
    *,
    grace_seconds: float = 10.0,
) -> Command:
    """A module to run; ``-P`` keeps files in the state folder from being imported."""
    return Command(
        name=name,
        argv=(sys.executable, "-P", "-m", *module),
        log=home.logs / f"{name}.log",
        cwd=home.folder,
        env=env,
        grace_seconds=grace_seconds,
    )


def _run(home: Home, env: dict[str, str], *module: str) -> str:
    """Run a module to its end and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", *module],
        cwd=home.folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=SETUP_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    (home.logs / "setup.log").write_text(done.stderr)
    if done.returncode:
        raise ChildFailed(f"{module[0]} failed:\n{done.stderr[-TAIL_BYTES:].strip()}")
    return done.stdout


def migration_heads() -> list[str]:
    """The newest revisions among the migrations of this version."""
    from alembic.config import Config  # noqa: PLC0415  (0.2 s that only the doctor spends)
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory.from_config(Config(str(ROOT / "migrations" / "alembic.ini")))
    return list(scripts.get_heads())
