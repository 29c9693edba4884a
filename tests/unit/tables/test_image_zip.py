"""ZIPs of images: labels from folders or from a table, single bad files, traps."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from app.tables.limits import Limits
from tests.unit.tables.factories import first, read, refused
from tests.unit.tables.image_factories import encoded, pixels, png_that_declares, zip_bytes

CLASSES = {f"{'cat' if i % 2 else 'dog'}/{i:02}.png": encoded(pixels(i)) for i in range(60)}


def test_the_top_folder_is_the_class(tmp_path: Path) -> None:
    found = read(tmp_path, zip_bytes({f"pets/{name}": d for name, d in CLASSES.items()}), "x.zip")

    assert found.format == "image_zip"
    assert {c.name: c.type for c in found.schema} == {
        "image": "image", "file": "identifier", "label": "categorical",
    }  # fmt: skip
    assert found.table["label"].to_pylist()[:2] == ["dog", "cat"]
    assert found.problems == ()


def test_folders_of_a_split_are_a_column_of_their_own(tmp_path: Path) -> None:
    files = {f"{'test' if i > 40 else 'train'}/{n}": d for i, (n, d) in enumerate(CLASSES.items())}
    found = read(tmp_path, zip_bytes(files))

    assert set(found.table["split"].to_pylist()) == {"train", "test"}
    assert set(found.table["label"].to_pylist()) == {"cat", "dog"}


def test_a_label_table_gives_typed_columns(tmp_path: Path) -> None:
    files = {f"set/{i:02}.png": encoded(pixels(i)) for i in range(60)}
    lines = [f"{i:02}.png,{i / 4},{'ab'[i % 2]}" for i in range(59)] + ["99.png,1.0,a"]
    content = zip_bytes({**files, "set/labels.csv": "file,age,kind\n" + "\n".join(lines)})
    found = read(tmp_path, content)

    types = {column.name: column.type for column in found.schema}
    assert (types["age"], types["kind"]) == ("number", "categorical")
    assert found.table["age"].to_pylist()[:3] == [0.0, 0.25, 0.5]
    assert first(found.problems, "file_without_label").value_excerpt == "59.png"
    assert first(found.problems, "label_without_file").value_excerpt == "99.png"


def test_a_file_with_two_labels_is_an_error(tmp_path: Path) -> None:
    content = zip_bytes({**CLASSES, "labels.csv": "file,y\ncat/01.png,1\ncat/01.png,2\n"})

    assert first(refused(tmp_path, content).problems, "repeated_label").value_excerpt


def test_bad_files_are_rows_without_an_image(tmp_path: Path) -> None:
    bad = {
        "cat/01.png": CLASSES["cat/01.png"][:-200],
        "dog/02.png": png_that_declares(9000, 9000),
        "cat/03.png": b"not an image",
    }
    found = read(tmp_path, zip_bytes({**CLASSES, **bad}), "x.zip")

    assert found.n_rows == 60
    assert [p.row for p in found.problems] == [2, 3, 4]
    assert [p.code for p in found.problems] == ["broken_image", "huge_image", "not_an_image"]
    assert "Row 2 (cat/01.png)" in found.problems[0].message
    assert found.table["image"].is_null().to_pylist()[:5] == [False, True, True, True, False]


def test_a_set_of_mostly_broken_images_is_refused(tmp_path: Path) -> None:
    files = {name: data[:-200] if name < "cat/40" else data for name, data in CLASSES.items()}
    error = refused(tmp_path, zip_bytes(files))

    assert "20 of 60" in first(error.problems, "unreadable_column").message
    assert error.totals["broken_image"] == 20


def test_damage_inside_the_zip_is_that_files_problem(tmp_path: Path) -> None:
    content = bytearray(zip_bytes(CLASSES))
    at = content.index(CLASSES["cat/05.png"])
    content[at + 100] ^= 255
    problem = first(read(tmp_path, bytes(content)).problems, "broken_image")

    assert (problem.row, problem.value_excerpt) == (6, "cat/05.png")


@pytest.mark.parametrize("name", ["../cat/1.png", "/etc/1.png", "C:/1.png", "a\\..\\1.png"])
def test_a_path_out_of_the_zip_is_refused(tmp_path: Path, name: str) -> None:
    problems = refused(tmp_path, zip_bytes({**CLASSES, name: encoded(pixels())})).problems

    assert first(problems, "unsafe_path")


def test_nested_archives_are_refused_and_other_files_left_out(tmp_path: Path) -> None:
    nested = {**CLASSES, "more.zip": zip_bytes(CLASSES)}
    litter = {"__MACOSX/._01.png": b"x", ".DS_Store": b"x", ".": b"x"}
    other = {**CLASSES, "README.txt": b"hello", **litter}

    assert first(refused(tmp_path, zip_bytes(nested)).problems, "nested_archive")
    found = read(tmp_path, zip_bytes(other), "x.zip")
    assert [p.value_excerpt for p in found.problems] == ["README.txt"]
    assert found.n_rows == 60


def test_symbolic_links_are_ignored(tmp_path: Path) -> None:
    buffer = io.BytesIO(zip_bytes(CLASSES))
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("cat/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")

    assert read(tmp_path, buffer.getvalue()).n_rows == 60


def test_too_many_files_are_refused_from_the_end_record(tmp_path: Path) -> None:
    error = refused(tmp_path, zip_bytes(CLASSES), limits=Limits(max_zip_entries=50))

    assert first(error.problems, "too_many_entries")


def test_a_bomb_is_refused_from_its_directory(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for index in range(60):
            archive.writestr(f"{index}.png", bytes(1 << 20))
    limits = Limits(ratio_floor_bytes=1 << 20)
    tracemalloc.start()
    error = refused(tmp_path, buffer.getvalue(), limits=limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert first(error.problems, "compression_ratio")
    assert peak < 5_000_000


def test_a_zip_of_more_bytes_than_allowed_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, zip_bytes(CLASSES), limits=Limits(max_media_bytes=1000))

    assert first(error.problems, "too_large")


def test_a_zip_of_tables_is_refused_with_the_remedy(tmp_path: Path) -> None:
    problem = first(
        refused(tmp_path, zip_bytes({"a.csv": "a,b\n1,2\n"})).problems, "unsupported_format"
    )

    assert "without a zip" in problem.remedy


def test_an_office_document_with_pictures_is_no_set_of_images(tmp_path: Path) -> None:
    content = zip_bytes({"[Content_Types].xml": "<x/>", "xl/media/image1.png": encoded(pixels())})

    assert "Excel" in first(refused(tmp_path, content).problems, "unsupported_format").message
