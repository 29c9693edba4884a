"""A known error is one sentence; a missing extra names the extra."""

from pathlib import Path

import pytest

from app.cli.failures import known_errors, missing_extra
from app.client import ClientError
from tests.unit.cli.run import adaptnet


def test_a_service_that_is_not_there_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("ADAPTNET_URL", "ADAPTNET_KEY", "ADAPTNET_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    ended = adaptnet(capsys, "jobs", "ls")

    assert ended.status == 1
    assert ended.err.startswith("no service address; ")
    assert "Traceback" not in ended.err


def test_a_missing_extra_is_named() -> None:
    sentence = missing_extra(ModuleNotFoundError("no", name="pyarrow.csv"))

    assert sentence.endswith("install it with: pip install 'adaptnet[science]'")


def test_families_of_loaded_modules_are_known() -> None:
    assert ClientError in known_errors()
