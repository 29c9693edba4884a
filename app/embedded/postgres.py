"""PostgreSQL as a child process: data folder, command line, readiness.

The server refuses to run as root, so root runs it as ``nobody``. That user may be unable to pass
the folders above the data (``/root`` is private). The child therefore starts *inside* its data
folder and calls it ``/proc/self/cwd``: no folder has to be opened, no user created.
"""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg

from app.embedded import children, processes
from app.embedded.binaries import Postgres
from app.embedded.errors import ChildFailed, VersionMismatch
from app.embedded.state import Home, write_private

USER = DATABASE = "adaptnet"

SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "shared_buffers=64MB",
    "max_connections=100",
)
THROW_AWAY = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One data folder and the program that serves it."""

    home: Home
    binaries: Postgres
    durable: bool = True

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.home.postgres / "data"

    @property
    def uid(self) -> int | None:
        """Whom to become: nobody for root, else nobody at all."""
        return server_uid(self.home)

    def prepare(self) -> bool:
        """Create the data folder, or check the one that is there; true if it is new."""
        self._end_leftovers()
        if self.data.exists():
            self._check_version()
            return False
        self._initialize()
        return True

    def command(self, port: int) -> children.Command:
        """How to start the server on a port."""
        settings = [*SETTINGS, f"cluster_name={self.home.mark}"]
        if sys.platform == "linux":
            settings.append("recovery_init_sync_method=syncfs")
        settings += [] if self.durable else THROW_AWAY
        options = [part for setting in settings for part in ("-c", setting)]
        program = str(self.binaries.folder / "postgres")
        data = str(self.data) if self.uid is None else "/proc/self/cwd"
        return children.Command(
            name="postgres",
            argv=(program, "-D", data, "-p", str(port), *options),
            log=self.home.logs / "postgres.log",
            cwd=self.data,
            uid=self.uid,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            grace_seconds=20.0,
        )

    def is_ready(self, port: int) -> bool:
        """Whether the server answers; creates our database at the first answer."""
        try:
            with psycopg.connect(
                host="127.0.0.1",
                port=port,
                user=USER,
                password=self.home.password(),
                dbname="postgres",
                connect_timeout=2,
                autocommit=True,
            ) as connection:
                query = "SELECT 1 FROM pg_database WHERE datname = %s"
                if connection.execute(query, (DATABASE,)).fetchone() is None:
                    connection.execute("CREATE DATABASE adaptnet TEMPLATE template0")
        except psycopg.OperationalError:
            return False
        return True

    def _initialize(self) -> None:
        """Make the data folder under another name: an interrupted start leaves no half of it."""
        fresh = self.home.postgres / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        for folder in (self.home.postgres, fresh):
            folder.mkdir(exist_ok=True, mode=0o700)
            self._hand_over(folder)
        password_file = self.home.postgres / "password"
        write_private(password_file, self.home.password())
        self._hand_over(password_file)
        try:
            self._run_initdb(fresh)
        finally:
            password_file.unlink(missing_ok=True)
        fresh.rename(self.data)

    def _run_initdb(self, folder: Path) -> None:
        dropped = self.uid is not None
        argv = (
            *(str(self.binaries.folder / "initdb"), "-U", USER, "--auth=scram-sha-256"),
            *("-D", "/proc/self/cwd" if dropped else str(folder)),
            f"--pwfile={'/proc/self/cwd/..' if dropped else folder.parent}/password",
            *("--encoding=UTF8", "--locale=C", *(() if self.durable else ("--no-sync",))),
        )
        done = subprocess.run(
            children.wrapped(argv, death_signal=signal.SIGKILL, uid=self.uid),
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            reason = f"{children.describe(done.returncode)}:\n{done.stderr[-1500:]}"
            raise ChildFailed(f"initdb {reason}")

    def _end_leftovers(self) -> None:
        """End a server that outlived its parent, and drop its pid file.

        We hold the state folder's lock, so a server on this folder is a leftover. PostgreSQL
        itself would refuse to start if the recorded id now belongs to some other process.
        """
        leftovers = processes.with_argument(f"cluster_name={self.home.mark}")
        processes.end(leftovers, first=signal.SIGINT, grace_seconds=5.0)
        if any(processes.is_alive(pid) for pid in leftovers):
            raise ChildFailed(f"an older PostgreSQL does not end: processes {leftovers}")
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != self.binaries.major:
            raise VersionMismatch(
                f"{self.data} was written by PostgreSQL {found}, but the {self.binaries.source} is "
                f"{self.binaries.version}. Either run the old one: ADAPTNET_PG_BIN=<bin folder of "
                f"PostgreSQL {found}> adaptnet up; or start afresh, which deletes all jobs and "
                f"models: rm -r {self.home.folder}"
            )

    def _hand_over(self, path: Path) -> None:
        if self.uid is not None:
            os.chown(path, self.uid, self.uid)


def server_uid(home: Home) -> int | None:
    """Whom root's server runs as: the owner of the data if there is one, else nobody."""
    if os.geteuid() != 0:
        return None
    owner = home.postgres.stat().st_uid if home.postgres.exists() else 0
    return owner or children.NOBODY
