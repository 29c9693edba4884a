"""An extractor in a ZIP of images becomes a file of the dataset, or says why it cannot."""

import zipfile
from pathlib import Path

import pytest

from app.tables import extractor
from app.tables.problem import InvalidTable
from tests.unit.science.images.extractors import N_FILTERS, convolution, of_bytes_last
from tests.unit.tables.factories import put, read
from tests.unit.tables.image_factories import encoded, pixels, zip_bytes

IMAGES: dict[str, bytes | str] = {f"{'ab'[i % 2]}/{i}.png": encoded(pixels(i)) for i in range(12)}
GOOD = convolution().SerializeToString()


def test_it_is_kept_beside_the_table_and_is_no_image(tmp_path: Path) -> None:
    content = zip_bytes({**IMAGES, "extractor.onnx": GOOD, "extractor.json": '{"std": [0.5]}'})
    table = read(tmp_path, content, "x.zip")
    extractor.take(put(tmp_path, content), tmp_path)
    found = extractor.load(tmp_path)

    assert table.n_rows == 12
    assert {problem.code for problem in table.problems} == {"few_rows"}
    assert found is not None
    assert (found.n_features, found.std) == (N_FILTERS, (0.5,))


def test_there_may_be_none(tmp_path: Path) -> None:
    extractor.take(put(tmp_path, zip_bytes(IMAGES)), tmp_path)

    assert extractor.load(tmp_path) is None


def test_one_in_a_folder_is_left_out_with_a_hint(tmp_path: Path) -> None:
    found = read(tmp_path, zip_bytes({**IMAGES, "a/extractor.onnx": GOOD}), "x.zip")

    ignored = [problem for problem in found.problems if problem.code == "ignored_file"]
    assert "extractor.onnx at the root" in ignored[0].remedy


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"extractor.onnx": b"no network"}, "cannot be read"),
        ({"extractor.json": "{}"}, "extractor.json comes without extractor.onnx"),
        (
            {"extractor.onnx": of_bytes_last().SerializeToString(), "extractor.json": "{}"},
            "leave extractor.json out",
        ),
        ({"extractor.onnx": GOOD, "extractor.json": " " * 5000}, "of at most 4096 bytes"),
    ],
)
def test_one_that_cannot_be_used_is_a_problem_of_the_dataset(
    files: dict[str, bytes | str], word: str, tmp_path: Path
) -> None:
    path = put(tmp_path, zip_bytes({**IMAGES, **files}))

    with pytest.raises(InvalidTable, match=word) as refused:
        extractor.take(path, tmp_path)
    assert refused.value.problems[0].code == "extractor_not_usable"


def test_one_that_expands_too_far_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("extractor.onnx", "w") as file,
    ):
        for _ in range(257):
            file.write(bytes(1 << 20))

    with pytest.raises(InvalidTable, match="at most 268435456 bytes"):
        extractor.take(path, tmp_path)


def test_damage_is_found(tmp_path: Path) -> None:
    content = bytearray(zip_bytes({"extractor.onnx": GOOD}))
    content[200] ^= 255

    with pytest.raises(InvalidTable, match=r"extractor\.onnx cannot be read"):
        extractor.take(put(tmp_path, bytes(content)), tmp_path)
