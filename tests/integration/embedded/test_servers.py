"""The two bundled servers: start, stop, kill, restart, as root and as an ordinary user."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

import app
from app.embedded import binaries, processes, servers, state
from app.embedded.children import NOBODY, Child, Command, wait_for
from app.embedded.errors import AlreadyRunning, BinaryMissing, ChildFailed, VersionMismatch
from app.embedded.servers import Endpoints, Servers

ROOT = Path(app.__file__).resolve().parents[1]
HOLD = """
import sys, time
from app.embedded.servers import Servers
endpoints = Servers(sys.argv[1], durable=False).start()
print(endpoints.postgres_pid, endpoints.valkey_pid, endpoints.database_url, flush=True)
time.sleep(120)
"""
ROUND_TRIP = """
import sys
import psycopg, redis
from app.embedded.servers import Servers
with Servers(sys.argv[1], durable=False) as endpoints:
    with psycopg.connect(endpoints.database_url.replace("+psycopg", "")) as connection:
        print(connection.execute("SHOW server_encoding").fetchone()[0])
    with redis.Redis.from_url(endpoints.broker_url) as client:
        print(client.ping())
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder below a private one, as in root's home folder."""
    with tempfile.TemporaryDirectory(prefix="adaptnet embedded ") as folder:
        yield Path(folder) / "home"


def connect(endpoints: Endpoints) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(endpoints.database_url.replace("+psycopg", ""), autocommit=True)


def hold(home: Path) -> tuple["subprocess.Popen[str]", list[int], str]:
    """Start the servers in another process, which then only waits."""
    parent = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert parent.stdout is not None
    with parent.stdout:
        first, second, url = parent.stdout.readline().split()
    return parent, [int(first), int(second)], url


def test_both_answer_only_on_the_loopback_and_never_as_root(home: Path) -> None:
    with Servers(home, durable=False) as endpoints:
        assert Path(f"/proc/{endpoints.postgres_pid}").stat().st_uid != 0
        with connect(endpoints) as connection:
            row = connection.execute(
                "SELECT current_setting('listen_addresses'), current_setting('fsync'), "
                "(SELECT datcollate FROM pg_database WHERE datname = current_database())"
            ).fetchone()
            assert row == ("127.0.0.1", "off", "C")
        with redis.Redis.from_url(endpoints.broker_url) as client:
            assert client.ping()
            assert "127.0.0.1" in str(client.config_get("bind"))
    assert processes.wait_gone([endpoints.postgres_pid, endpoints.valkey_pid], 5.0) == []


def test_a_password_is_needed_and_hidden(home: Path) -> None:
    with Servers(home, durable=False) as endpoints:
        password = state.Home(home).password()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(
                endpoints.database_url.replace("+psycopg", "").replace(password, "wrong")
            )
        with (
            redis.Redis.from_url(endpoints.broker_url.replace(f":{password}@", "")) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()
        for pid in (endpoints.postgres_pid, endpoints.valkey_pid):
            assert password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    readable = [path for path in home.rglob("*") if path.is_file() and path.stat().st_mode & 0o77]
    assert not any(password.encode() in path.read_bytes() for path in readable)


def test_durable_servers_keep_their_data(home: Path) -> None:
    with Servers(home) as endpoints:
        assert endpoints.created
        with connect(endpoints) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        with redis.Redis.from_url(endpoints.broker_url) as client:
            client.rpush("queue", "hint")
    with Servers(home) as endpoints:
        assert not endpoints.created
        with connect(endpoints) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        with redis.Redis.from_url(endpoints.broker_url) as client:
            assert client.llen("queue") == 1


def test_killing_the_parent_ends_both_and_keeps_the_data(home: Path) -> None:
    """A killed process only: without fsync this says nothing about a power cut."""
    parent, pids, url = hold(home)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    parent.kill()
    parent.wait()
    assert processes.wait_gone(pids, 10.0) == []
    with Servers(home, durable=False) as endpoints, connect(endpoints) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_an_immediate_restart_waits_for_leftovers(home: Path) -> None:
    parent, pids, _ = hold(home)
    os.kill(pids[0], signal.SIGSTOP)  # a server that cannot react to its parent's death
    parent.kill()
    parent.wait()
    with Servers(home, durable=False) as endpoints, connect(endpoints) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert processes.wait_gone(pids, 5.0) == []


def test_a_killed_server_leaves_a_folder_that_starts_again(home: Path) -> None:
    with Servers(home, durable=False) as endpoints:
        os.kill(endpoints.postgres_pid, signal.SIGKILL)
    recorded = home / "postgres" / "data" / "postmaster.pid"
    recorded.write_text(f"{os.getpid()}\n" + "".join(recorded.read_text().splitlines(True)[1:]))
    with Servers(home, durable=False) as endpoints, connect(endpoints) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_second_start_is_refused_and_names_the_process(home: Path) -> None:
    with Servers(home, durable=False) as endpoints:
        second = subprocess.run(
            [sys.executable, "-c", HOLD, str(home)], capture_output=True, text=True, cwd=ROOT
        )
        assert second.returncode != 0
        assert f"in use by process {os.getpid()}" in second.stderr
        with pytest.raises(AlreadyRunning) as refused:
            Servers(home, durable=False).start()
        assert refused.value.pid == os.getpid()
        assert processes.is_alive(endpoints.postgres_pid)


def test_a_port_race_is_tried_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as rival:
        rival.bind(("127.0.0.1", 0))
        taken = rival.getsockname()[1]
        ports = iter([taken, servers.free_port(), taken, servers.free_port()])
        monkeypatch.setattr(servers, "free_port", lambda: next(ports))
        with Servers(home, durable=False) as endpoints:
            assert f":{taken}/" not in endpoints.database_url + endpoints.broker_url


def test_another_major_version_is_refused_with_a_way_out(home: Path) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    with pytest.raises(VersionMismatch, match=r"PostgreSQL 15.*ADAPTNET_PG_BIN.*rm -r"):
        Servers(home, durable=False).start()
    assert state.holder(state.Home(home)) is None


def test_an_interrupted_first_start_is_no_obstacle(home: Path) -> None:
    half = home / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    if os.geteuid() == 0:
        os.chown(half.parent, NOBODY, NOBODY)
    with Servers(home, durable=False) as endpoints:
        assert endpoints.created


def test_without_a_home_variable(home: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "HOME"}
    done = subprocess.run(
        [sys.executable, "-c", ROUND_TRIP, str(home)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=env,
    )
    assert done.stdout.split() == ["UTF8", "True"], done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_as_an_ordinary_user() -> None:
    python = next(
        (
            path
            for path in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin"))
            if path and binaries.is_reachable(Path(path)) and _is_our_version(path)
        ),
        None,
    )
    packages = Path(psycopg.__file__).parents[1]
    if python is None or not binaries.is_reachable(packages) or not binaries.is_reachable(ROOT):
        pytest.skip("an ordinary user cannot reach this Python or its packages")
    with tempfile.TemporaryDirectory(prefix="adaptnet-user-") as folder:
        os.chown(folder, NOBODY, NOBODY)
        # redis wants this backport below Python 3.11.3, which the system's Python may be
        Path(folder, "async_timeout.py").write_text("from asyncio import timeout\n")
        paths = f"{ROOT}:{packages}:{folder}"
        done = subprocess.run(
            [python, "-c", ROUND_TRIP, f"{folder}/home"],
            capture_output=True,
            text=True,
            cwd=folder,
            env={"HOME": folder, "PYTHONPATH": paths, "PATH": os.environ["PATH"]},
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
        )
    assert done.stdout.split() == ["UTF8", "True"], done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root copies the bundle")
@pytest.mark.parametrize("private_home", [True, False])
def test_root_copies_the_bundle_when_nobody_cannot_reach_it(
    home: Path, private_home: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.parent.chmod(0o700 if private_home else 0o755)
    found = binaries.find_postgres()
    reachable = binaries.is_reachable
    monkeypatch.setattr(
        binaries, "is_reachable", lambda path: path != found.folder and reachable(path)
    )
    service = Servers(home, durable=False)
    with service as endpoints:
        program = Path(f"/proc/{endpoints.postgres_pid}/exe").resolve()
        assert program.is_relative_to(home) is not private_home
        assert not program.is_relative_to(found.folder)
    if private_home:
        assert not program.exists()
    assert home.parent.stat().st_mode & 0o777 == (0o700 if private_home else 0o755)


def test_missing_binaries_say_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAPTNET_PG_BIN", str(home))
    with pytest.raises(BinaryMissing, match=r"adaptnet\[embedded\].*docker compose up"):
        Servers(home, durable=False).start()


def test_the_environment_chooses_the_binaries(monkeypatch: pytest.MonkeyPatch) -> None:
    broker, database = binaries.find_valkey(), binaries.find_postgres()
    monkeypatch.setenv("ADAPTNET_VALKEY_BIN", str(broker.program))
    monkeypatch.setenv("ADAPTNET_PG_BIN", str(database.folder))
    assert binaries.find_valkey() == binaries.Valkey(broker.program, "ADAPTNET_VALKEY_BIN")
    assert binaries.find_postgres().source == "ADAPTNET_PG_BIN"
    assert database.major in {"15", "16", "17", "18", "19"}


def test_a_child_that_ignores_the_stop_signal_is_killed_with_its_children(tmp_path: Path) -> None:
    script = "import signal, subprocess, time; signal.signal(15, signal.SIG_IGN);"
    script += "subprocess.Popen(['sleep', '60'], start_new_session=True);"
    script += "print('up', flush=True); time.sleep(60)"
    command = Command("deaf", (sys.executable, "-c", script), tmp_path / "log", tmp_path)
    child = Child(command)
    child.start()
    wait_for(lambda: "up" in child.log_tail(), child, 20.0)
    family = [child.pid, *processes.descendants(child.pid)]
    assert len(family) == 2
    child.stop(grace_seconds=0.2)
    assert processes.wait_gone(family, 5.0) == []
    with pytest.raises(ChildFailed, match="deaf was killed by SIGKILL"):
        child.check()


def test_the_session_fixture_gives_two_live_servers(servers: Endpoints) -> None:
    with connect(servers) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with redis.Redis.from_url(servers.broker_url) as client:
        assert client.ping()


def _is_our_version(python: str) -> bool:
    script = "import sys; print(sys.version_info[:2])"
    done = subprocess.run([python, "-c", script], capture_output=True, text=True)
    return done.stdout.strip() == str(tuple(sys.version_info[:2]))
