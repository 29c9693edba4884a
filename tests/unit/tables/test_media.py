"""Columns of images and points: how they come in, what is stored, how they are read again."""

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from app.tables.canonical import read_canonical, write_canonical
from app.tables.limits import Limits
from app.tables.media_blocks import image_blocks, point_blocks
from app.tables.problem import InvalidTable
from app.tables.profile import profile
from app.tables.read import ReadTable, read_table
from tests.unit.tables.factories import first, npz_bytes, put, read, refused
from tests.unit.tables.image_factories import encoded, parquet_bytes, pixels, zip_bytes

STACK = pixels(0, (60, 8, 6, 3))
LABELS = np.arange(60) % 3
CLOUDS = np.random.default_rng(1).normal(size=(60, 20, 3))


def stored(folder: Path, content: bytes) -> ReadTable:
    """Read and store, as the worker does."""
    found = read_table(put(folder, content, "data"), media=folder)
    write_canonical(found, folder)
    return found


def all_images(
    folder: Path, name: str = "image"
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Every stored image at its own size, in one array."""
    blocks = image_blocks(folder, name, (8, 6), channels=3, max_bytes=10 * 8 * 6 * 3)
    return np.concatenate([block.pixels for block in blocks])


def test_an_array_of_images_comes_back_pixel_by_pixel(tmp_path: Path) -> None:
    found = stored(tmp_path, npz_bytes(X=STACK, y=LABELS))

    assert {c.name: c.type for c in found.schema} == {"image": "image", "y": "number"}
    np.testing.assert_array_equal(all_images(tmp_path), STACK)
    table, schema = read_canonical(tmp_path)
    assert schema == found.schema
    assert table["image"][0].as_py()["width"] == 6


@pytest.mark.parametrize("as_files", [False, True])
def test_parquet_with_image_files_is_the_same_table(tmp_path: Path, as_files: bool) -> None:
    files = [encoded(image) for image in STACK]
    column = [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(files)]
    table = pa.table({"image": column if as_files else files, "y": LABELS})
    found = stored(tmp_path, parquet_bytes(tmp_path, table))

    np.testing.assert_array_equal(all_images(tmp_path), STACK)
    assert found.logical_hash == read(tmp_path, npz_bytes(X=STACK, y=LABELS)).logical_hash


def test_missing_and_broken_images_are_left_out_of_the_blocks(tmp_path: Path) -> None:
    files: list[bytes | None] = [encoded(image) for image in STACK]
    files[3], files[5] = None, b"junk"
    found = stored(tmp_path, parquet_bytes(tmp_path, pa.table({"image": files, "y": LABELS})))
    blocks = list(image_blocks(tmp_path, "image", (4, 4), channels=1, max_bytes=20 * 16))

    assert [p.row for p in found.problems] == [6]
    assert [len(block.rows) for block in blocks] == [20, 20, 18]
    assert np.concatenate([b.rows for b in blocks]).tolist() == [
        row for row in range(60) if row not in (3, 5)
    ]
    assert all(block.pixels.shape[1:] == (4, 4, 1) for block in blocks)


def test_only_the_rows_that_are_asked_for_are_decoded(tmp_path: Path) -> None:
    stored(tmp_path, npz_bytes(X=STACK, y=LABELS))
    rows = np.array([2, 17, 59])
    blocks = image_blocks(tmp_path, "image", (8, 6), channels=3, max_bytes=1 << 20, rows=rows)
    (block,) = blocks

    assert block.rows.tolist() == [2, 17, 59]
    np.testing.assert_array_equal(block.pixels, STACK[rows])


def test_the_profile_counts_sizes_modes_and_repeated_images(tmp_path: Path) -> None:
    files = [encoded(pixels(i, (8, 6) if i < 20 else (5, 7, 3))) for i in range(59)]
    table = pa.table({"image": [*files, files[0]], "y": ["a"] * 59 + ["a"]})
    found = read(tmp_path, parquet_bytes(tmp_path, table))
    entry = profile(found.table, found.schema)
    image = entry["columns"][0]

    json.dumps(entry, allow_nan=False)
    assert entry["n_duplicate_rows"] == 1
    assert (image["n"], image["n_distinct"]) == (60, 59)
    assert image["sizes"] == [{"level": "5x7", "count": 39}, {"level": "8x6", "count": 21}]
    assert image["modes"] == [{"level": "RGB", "count": 39}, {"level": "L", "count": 21}]
    assert (image["height"]["min"], image["width"]["max"]) == (5.0, 7.0)


def test_a_column_of_other_bytes_is_refused(tmp_path: Path) -> None:
    table = pa.table({"raw": [b"x"] * 60, "y": LABELS})
    error = refused(tmp_path, parquet_bytes(tmp_path, table))

    assert first(error.problems, "unreadable_column").column == "raw"
    assert error.totals["not_an_image"] == 60


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((60, 3, 8, 6), np.uint8),  # channels first
        np.zeros((60, 8, 6, 3), np.float32),
        np.asfortranarray(STACK),
        np.zeros((60, 28, 28), np.float64),
    ],
)
def test_arrays_of_another_layout_are_refused_with_the_remedy(
    tmp_path: Path, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]
) -> None:
    problem = first(refused(tmp_path, npz_bytes(X=array, y=LABELS)).problems, "wrong_shape")

    assert "uint8" in problem.message
    assert "channels to the end" in problem.remedy


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, npz_bytes(X=STACK, image=STACK))

    assert first(error.problems, "duplicate_column").column == "image"


def test_an_image_column_cannot_be_another_type(tmp_path: Path) -> None:
    error = refused(tmp_path, npz_bytes(X=STACK, y=LABELS), columns={"image": "number"})

    assert "it holds images" in first(error.problems, "cannot_cast").message


def test_images_over_the_budget_are_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, npz_bytes(X=STACK), limits=Limits(max_media_bytes=1000))

    assert first(error.problems, "too_large")


def test_points_from_arrays_and_lists_are_the_same_table(tmp_path: Path) -> None:
    found = stored(tmp_path, npz_bytes(X=CLOUDS, y=LABELS))
    lists = pa.table({"points": CLOUDS.tolist(), "y": LABELS})
    again = read(tmp_path, parquet_bytes(tmp_path, lists))
    blocks = list(point_blocks(tmp_path, "points", max_bytes=25 * 20 * 3 * 4))

    assert {c.name: c.type for c in found.schema} == {"points": "points", "y": "number"}
    assert again.logical_hash == found.logical_hash
    assert [len(block.rows) for block in blocks] == [25, 25, 10]
    np.testing.assert_array_equal(
        np.concatenate([b.points for b in blocks]), CLOUDS.astype(np.float32).reshape(-1, 3)
    )


def test_point_sets_may_differ_in_size_and_bad_ones_are_rows(tmp_path: Path) -> None:
    lists = [cloud[: 1 + i % 20].tolist() for i, cloud in enumerate(CLOUDS)]
    lists[4] = [[1.0, 2.0], [1.0, 2.0, 3.0]]
    lists[6] = [[1.0, float("nan"), 3.0]]
    lists[8] = [[1.0, 2.0]]
    lists[9] = []
    found = stored(tmp_path, parquet_bytes(tmp_path, pa.table({"cloud": lists, "y": LABELS})))
    (block,) = point_blocks(tmp_path, "cloud", max_bytes=1 << 20, rows=np.array([0, 4, 21]))
    entry = profile(found.table, found.schema)["columns"][0]

    assert [(p.row, p.code) for p in found.problems] == [
        (5, "ragged_points"), (7, "broken_points"), (9, "point_dimension"), (10, "ragged_points"),
    ]  # fmt: skip
    assert block.rows.tolist() == [0, 21]
    assert block.offsets.tolist() == [0, 1, 3]
    assert (entry["dim"], entry["n_points"]["max"]) == (3, 20.0)


def test_bytes_of_few_columns_are_points(tmp_path: Path) -> None:
    found = read(tmp_path, npz_bytes(X=pixels(0, (60, 20, 2)), y=LABELS))

    assert {c.name: c.type for c in found.schema} == {"points": "points", "y": "number"}


def test_a_zip_and_a_parquet_of_the_same_files_store_the_same_images(tmp_path: Path) -> None:
    files = {f"{i:02}.png": encoded(image) for i, image in enumerate(STACK)}
    stored(tmp_path, zip_bytes(files))

    np.testing.assert_array_equal(all_images(tmp_path), STACK)


def test_changed_bytes_parse_or_raise_invalid_table(tmp_path: Path) -> None:
    files = [encoded(image) for image in STACK[:12]]
    rng = np.random.default_rng(0)
    for whole in (
        npz_bytes(X=STACK[:12], y=LABELS[:12]),
        zip_bytes({f"{i % 2}/{i}.png": data for i, data in enumerate(files)}),
        parquet_bytes(tmp_path, pa.table({"image": files, "points": CLOUDS[:12].tolist()})),
    ):
        for _ in range(25):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 3):
                data[place] = rng.integers(0, 256)
            with suppress(InvalidTable):
                assert read(tmp_path, bytes(data)).n_rows <= 12
