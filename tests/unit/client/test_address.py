"""Where the client finds address and key."""

from pathlib import Path

import pytest

from app.client import NotConfigured, address


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("ADAPTNET_URL", "ADAPTNET_KEY", "ADAPTNET_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_arguments_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAPTNET_URL", "http://elsewhere")
    monkeypatch.setenv("ADAPTNET_KEY", "other")

    assert address.find("http://here/", "mine") == address.Address("http://here", "mine")
    assert address.find() == address.Address("http://elsewhere", "other")


def test_the_state_folder_of_a_local_service_is_enough(nowhere: Path) -> None:
    home = nowhere / ".adaptnet"
    home.mkdir()
    (home / "service.json").write_text('{"pid": 1, "url": "http://127.0.0.1:8000"}')
    (home / "api-key").write_text("secret\n")

    assert address.find() == address.Address("http://127.0.0.1:8000", "secret")


def test_another_state_folder(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nowhere / "service.json").write_text('{"url": "http://127.0.0.1:8001"}')
    monkeypatch.setenv("ADAPTNET_HOME", str(nowhere))

    assert address.find(key="k").url == "http://127.0.0.1:8001"


def test_what_is_missing_is_said_with_the_remedy() -> None:
    with pytest.raises(NotConfigured, match=r"no service address.*ADAPTNET_URL"):
        address.find()
    with pytest.raises(NotConfigured, match="no API key for http://here"):
        address.find("http://here")
    with pytest.raises(NotConfigured, match="write for example http://localhost:8000"):
        address.find("localhost:8000", "k")


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("http://localhost:1", True),
        ("http://127.0.0.1:1", True),
        ("http://[::1]:1", True),
        ("https://api.example.org", False),
    ],
)
def test_only_this_machine_is_local(url: str, is_local: bool) -> None:
    assert address.Address(url, "k").is_local is is_local
