"""Run the command in this process and see what a person sees."""

from dataclasses import dataclass

import pytest

from app.cli import main


@dataclass(frozen=True)
class Ended:
    """Exit status and both outputs."""

    status: int
    out: str
    err: str


def adaptnet(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ended:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    seen = capsys.readouterr()
    return Ended(int(ended.value.code or 0), seen.out, seen.err)
