"""Valkey as a child process. Its password stands in a private file, never in the process list."""

import signal
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.embedded import children, processes
from app.embedded.binaries import Valkey
from app.embedded.state import Home, write_private

SETTINGS = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir ./
daemonize no
save ""
appendonly {durable}
appendfsync everysec
maxmemory 256mb
maxmemory-policy noeviction
loglevel warning
set-proc-title no
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """One data folder and the program that serves it."""

    home: Home
    binary: Valkey
    durable: bool = True

    def prepare(self) -> None:
        """End a server that outlived its parent: we hold the state folder's lock."""
        leftovers = processes.with_argument(str(self._settings_file))
        processes.end(leftovers, first=signal.SIGTERM, grace_seconds=5.0)

    def command(self, port: int) -> children.Command:
        """How to start the server on a port; writes its configuration."""
        settings = SETTINGS.format(
            port=port, password=self.home.password(), durable="yes" if self.durable else "no"
        )
        write_private(self._settings_file, settings)
        return children.Command(
            name="valkey",
            argv=(str(self.binary.program), str(self._settings_file)),
            log=self.home.logs / "valkey.log",
            cwd=self.home.valkey,
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGTERM,
        )

    def is_ready(self, port: int) -> bool:
        """Whether the server answers."""
        try:
            with redis.Redis(
                host="127.0.0.1",
                port=port,
                password=self.home.password(),
                socket_timeout=2,
                retry=Retry(NoBackoff(), retries=0),  # we poll ourselves
            ) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    @property
    def _settings_file(self) -> Path:
        return self.home.valkey / "valkey.conf"
