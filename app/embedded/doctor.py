"""What is there and what is missing, one line each. Changes nothing but a probe blob."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from app.domain.errors import ServiceError
from app.embedded import binaries, plan, service, state
from app.embedded.errors import BinaryMissing, EmbeddedError
from app.embedded.service import Running
from app.embedded.state import Home
from app.storage.store import open_store

MIN_FREE_BYTES = 2 << 30
MAX_CLOCK_DIFFERENCE_SECONDS = 5.0
TORCH_SECONDS = 120
TORCH_REPORT = (
    "import torch; n = torch.cuda.device_count(); "
    "names = [torch.cuda.get_device_name(i) for i in range(n)]; "
    "print(torch.__version__, 'on', ', '.join(names) or f'cpu ({torch.get_num_threads()} threads)')"
)
SEE_LOGS = "see the logs folder beside the data, or restart: adaptnet down, adaptnet up"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``remedy`` is empty when nothing has to be done."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def examine(home: Path | str | None = None, *, port: int = 8000) -> list[Check]:
    """Run all checks; those of servers only where a service runs on the state folder."""
    place = state.home_at(home)
    running = service.status(place.folder)
    checks = [_postgres(), _valkey(), _folder(place), _disk(place), _torch()]
    servers = state.read_json(place.servers_file)
    if running is None or servers is None:
        return [*checks, _port(port), Check("service", True, "not running; start it: adaptnet up")]
    return [
        *checks,
        _ready(running),
        *_database(servers["database_url"]),
        _broker(servers["broker_url"]),
        _store(place),
    ]


def _postgres() -> Check:
    try:
        found = binaries.find_postgres()
        detail = f"{found.version} from the {found.source}: {found.folder}"
    except BinaryMissing as error:
        return Check("postgresql", False, "not found", str(error))
    return Check("postgresql", True, detail)


def _valkey() -> Check:
    try:
        found = binaries.find_valkey()
        detail = f"{found.version} from the {found.source}: {found.program}"
    except BinaryMissing as error:
        return Check("valkey", False, "not found", str(error))
    return Check("valkey", True, detail)


def _folder(home: Home) -> Check:
    """Whether we can write the state folder, or make it where it is not yet."""
    existing = _existing(home.folder)
    if os.access(existing, os.W_OK | os.X_OK):
        return Check("state folder", True, str(home.folder))
    remedy = "choose another folder with --home or ADAPTNET_HOME"
    return Check("state folder", False, f"{existing} is not writable", remedy)


def _disk(home: Home) -> Check:
    free = shutil.disk_usage(_existing(home.folder)).free
    enough = free >= MIN_FREE_BYTES
    remedy = "" if enough else f"free some space: {MIN_FREE_BYTES >> 30} GiB are wanted"
    return Check("free disk", enough, f"{free / (1 << 30):.1f} GiB", remedy)


def _port(port: int) -> Check:
    try:
        service.check_port("127.0.0.1", port)
    except EmbeddedError as error:
        return Check("port", False, f"{port} is taken", str(error))
    return Check("port", True, f"{port} is free")


def _torch() -> Check:
    """Ask a process of its own: importing torch here would cost every other command a second."""
    argv = [sys.executable, "-c", TORCH_REPORT]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=TORCH_SECONDS)
    except subprocess.TimeoutExpired:
        return Check("torch", False, f"no answer in {TORCH_SECONDS} s", "see whether a GPU hangs")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return Check("torch", False, reason[:300], "pip install 'adaptnet[worker]'")
    return Check("torch", True, done.stdout.strip())


def _ready(running: Running) -> Check:
    ok = running.is_ready()
    detail = f"{running.url}, process {running.pid}, since {running.started}"
    return Check("service", ok, detail, "" if ok else SEE_LOGS)


def _database(url: str) -> list[Check]:
    """Reachability, migrations and clock, from one connection."""
    try:
        with psycopg.connect(url.replace("+psycopg", "", 1), connect_timeout=5) as connection:
            before = time.time()
            row = connection.execute(
                "SELECT extract(epoch FROM clock_timestamp())::float8, "
                "current_setting('server_version')"
            ).fetchone()
            difference = abs(row[0] - before) if row else 0.0
            version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.Error as error:
        return [Check("database", False, str(error).splitlines()[0], SEE_LOGS)]
    server = Check("database", True, f"PostgreSQL {row[1] if row else '?'}")
    return [server, _migrations(version[0] if version else "nothing"), _clock(difference)]


def _migrations(current: str) -> Check:
    heads = plan.migration_heads()
    ok = current in heads
    remedy = "" if ok else "restart, which migrates: adaptnet down, adaptnet up"
    return Check("migrations", ok, f"at {current}, newest is {', '.join(heads)}", remedy)


def _clock(difference: float) -> Check:
    ok = difference <= MAX_CLOCK_DIFFERENCE_SECONDS
    detail = f"differs from the database's by {difference:.2f} s"
    return Check("clock", ok, detail, "" if ok else "set the clock")


def _broker(url: str) -> Check:
    try:
        with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            client.ping()
            return Check("broker", True, f"answers; {client.dbsize()} keys")
    except redis.RedisError as error:
        return Check("broker", False, str(error), SEE_LOGS)


def _store(home: Home) -> Check:
    """Write, read and delete one small blob."""
    key, data = f"doctor/probe-{os.getpid()}", os.urandom(1024)
    try:
        store = open_store(home.store.as_uri())
        store.put_bytes(key, data)
        same = store.get_bytes(key, max_bytes=len(data)) == data
        store.delete(key)
    except ServiceError as error:
        return Check("store", False, str(error), "check the disk and the folder's permissions")
    return Check(
        "store", same, store.url, "" if same else "the disk returns other bytes: replace it"
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
