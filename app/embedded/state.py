"""The state folder: everything that the embedded service keeps lies in it."""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from app.embedded.errors import AlreadyRunning, EmbeddedError


@dataclass(frozen=True, slots=True)
class Home:
    """Names of the files in one state folder."""

    folder: Path

    @property
    def postgres(self) -> Path:
        """Belongs to the user that PostgreSQL runs as."""
        return self.folder / "postgres"

    @property
    def valkey(self) -> Path:
        """The broker's append-only file and configuration."""
        return self.folder / "valkey"

    @property
    def store(self) -> Path:
        """The blobs."""
        return self.folder / "store"

    @property
    def scratch(self) -> Path:
        """Folders of uploads and attempts; emptied at each start."""
        return self.folder / "scratch"

    @property
    def logs(self) -> Path:
        """One log a child."""
        return self.folder / "logs"

    @property
    def service_file(self) -> Path:
        """Who serves, and where; there only while the service runs."""
        return self.folder / "service.json"

    @property
    def servers_file(self) -> Path:
        """How to reach the database and the broker; there only while they run."""
        return self.folder / "servers.json"

    @property
    def api_key_file(self) -> Path:
        """The key of the first project."""
        return self.folder / "api-key"

    @property
    def mark(self) -> str:
        """A short name for this folder, to recognize its processes by."""
        return "adaptnet-" + hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]

    def prepare(self) -> None:
        """Make the folders that are missing. Folders above ours are never changed."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
            for folder in (self.valkey, self.store, self.logs):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise EmbeddedError(
                f"the state folder {self.folder} cannot be written ({error.strerror}); "
                "choose another with --home or ADAPTNET_HOME"
            ) from error

    def empty_scratch(self) -> None:
        """Remove what attempts of a killed service have left. Only with the lock in hand."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(mode=0o700)

    def password(self) -> str:
        """The servers' password, made at the first call and readable for us alone."""
        path = self.folder / "password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text()


def home_at(folder: Path | str | None = None) -> Home:
    """The given folder, else ``ADAPTNET_HOME``, else ``.adaptnet`` in the working folder."""
    return Home(Path(folder or os.environ.get("ADAPTNET_HOME") or ".adaptnet").absolute())


def lock(home: Home) -> TextIO:
    """Take the state folder for this process until the file is closed, or ``AlreadyRunning``."""
    file = (home.folder / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        raise _already_running(home, holder) from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def holder(home: Home) -> int | None:
    """The process that holds the state folder, if one does."""
    if not (home.folder / "lock").exists():
        return None
    try:
        lock(home).close()
    except AlreadyRunning as error:
        return error.pid
    return None


def write_private(path: Path, text: str) -> None:
    """Write a file for our user alone, whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    partial.replace(path)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a private JSON file."""
    write_private(path, json.dumps(values, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; ``None`` if there is none or it is no longer whole."""
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _already_running(home: Home, holder: str) -> AlreadyRunning:
    url = (read_json(home.service_file) or {}).get("url")
    place = f"{home.folder} is in use by process {holder or 'unknown'}"
    detail = f"{place}, which serves {url}" if url else place
    return AlreadyRunning(detail, pid=int(holder) if holder.isdigit() else None, url=url)
