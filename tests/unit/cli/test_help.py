"""Every command explains itself, and mistakes get the nearest name."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from app.cli.application import build
from tests.unit.cli.run import adaptnet


def paths(command: Any, *path: str) -> Iterator[tuple[str, ...]]:  # noqa: ANN401  (click's)
    children = getattr(command, "commands", {})
    for name, child in children.items():
        yield from paths(child, *path, name)
    if not children:
        yield path


COMMANDS = list(paths(typer.main.get_command(build())))


def test_these_are_the_commands() -> None:
    assert {" ".join(path) for path in COMMANDS} == {
        *("check", "train", "verify", "predict", "run", "up", "down", "status", "doctor"),
        *("estimate", "audit", "jobs compare", "jobs report"),
        *("jobs ls", "jobs show", "jobs logs", "jobs watch", "jobs cancel"),
        *("datasets ls", "datasets show", "datasets rm"),
        *(f"webhooks {verb}" for verb in ("ls", "add", "set", "rm", "test", "rotate")),
        *("webhooks deliveries", "webhooks replay"),
        *("models ls", "models show", "models pull", "key create"),
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_has_a_sentence_and_an_example(
    capsys: pytest.CaptureFixture[str], path: tuple[str, ...]
) -> None:
    ended = adaptnet(capsys, *path, "--help")

    assert ended.status == 0
    assert "Examples:" in ended.out
    assert f"adaptnet {' '.join(path)}" in ended.out.partition("Examples:")[2]


def test_a_misspelt_command_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    ended = adaptnet(capsys, "trian")

    assert ended.status == 2
    assert "Did you mean 'train'?" in ended.err
