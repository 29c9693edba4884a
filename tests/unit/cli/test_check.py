"""``adaptnet check`` says what the service would say."""

from pathlib import Path

import pytest

from tests.unit.cli.run import adaptnet

ROOT = Path(__file__).parents[3]
ROWS = "".join(f"{i},{'north' if i % 3 else 'south'},{i * 0.5}\n" for i in range(60))


def test_a_good_file_shows_how_it_is_understood(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "good.csv"
    path.write_text(f"age,region,y\n{ROWS}")

    ended = adaptnet(capsys, "check", path)

    assert ended.status == 0
    assert "region\tcategorical\t0" in ended.out
    assert "good.csv: csv, 60 rows, 3 columns" in ended.out


def test_a_bad_file_shows_row_and_remedy_and_fails(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(f"age,region,y\n{ROWS}7,north\n")

    ended = adaptnet(capsys, "check", path)

    assert ended.status == 1
    heading, first, *_ = ended.out.splitlines()
    assert heading.split() == ["row", "column", "problem", "what", "to", "do"]
    assert first.startswith("61 ")
    assert "bad.csv would be refused" in ended.out


def test_a_wish_for_a_type_is_heard(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("zip,y\n" + "".join(f"{100 + i % 5},{i}\n" for i in range(60)))

    ended = adaptnet(capsys, "check", path, "--column", "zip=categorical")

    assert "zip\tcategorical" in ended.out


def test_a_wish_without_a_type_is_explained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("zip,y\n")

    ended = adaptnet(capsys, "check", path, "--column", "zip")

    assert ended.status == 2
    assert "is not NAME=TYPE" in ended.err


def test_a_misspelt_file_gets_the_nearest(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("churn.csv").write_text("a\n")

    ended = adaptnet(capsys, "check", "chrun.csv")

    assert ended.status == 2
    assert "did you mean 'churn.csv'?" in ended.err


def test_the_example_table_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    ended = adaptnet(capsys, "check", ROOT / "examples" / "bikes.csv")

    assert ended.status == 0
    assert "17,379 rows, 13 columns" in ended.out
