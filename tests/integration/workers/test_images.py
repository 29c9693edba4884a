"""Images and points from an upload over HTTP to a stored dataset version, with the real child."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.db.session import transaction
from app.domain.callers import Caller
from app.services import blobs, datasets
from app.tables.media import MEDIA_FILE
from app.tables.media_blocks import image_blocks
from tests.integration import jobs as make
from tests.unit.tables.factories import npz_bytes
from tests.unit.tables.image_factories import encoded, pixels, zip_bytes

FILES = {f"{'cat' if i % 2 else 'dog'}/{i:02}.png": encoded(pixels(i)) for i in range(60)}
BROKEN = {"dog/04.png": FILES["dog/04.png"][:-150]}
PALETTE = {"cat/07.png": encoded(Image.fromarray(pixels()).quantize(8))}


def uploaded(client: TestClient, content: bytes, filename: str) -> dict[str, Any]:
    """The dataset version after its ingest job."""
    answer = client.post(
        "/v1/datasets", data={"name": "d"}, files={"file": (filename, io.BytesIO(content))}
    )
    assert answer.status_code == 202, answer.text
    make.work_off(answer.json()["links"]["parse_job"].rpartition("/")[2])
    found: dict[str, Any] = client.get(answer.json()["links"]["self"]).json()
    return found


@pytest.fixture
def pets(client: TestClient) -> dict[str, Any]:
    """A ZIP of images of two classes, one of them broken and one with a palette."""
    return uploaded(client, zip_bytes({**FILES, **BROKEN, **PALETTE}), "pets.zip")


def test_a_zip_of_images_becomes_a_version_with_problems_by_file(
    client: TestClient, pets: dict[str, Any]
) -> None:
    problems = client.get(pets["links"]["validation"]).json()["problems"]
    profile = client.get(pets["links"]["profile"]).json()

    assert (pets["status"], pets["format"], pets["n_rows"]) == ("ready", "image_zip", 60)
    kinds = {column["name"]: column["type"] for column in pets["columns"]}
    assert kinds == {"image": "image", "file": "identifier", "label": "categorical"}
    told = [(p["code"], p["row"], p["value_excerpt"]) for p in problems]
    assert told == [("broken_image", 5, "dog/04.png"), ("palette_image", 8, "cat/07.png")]
    assert all(p["remedy"] for p in problems)
    image = profile["columns"][0]
    assert image["n_missing"] == 1
    assert image["sizes"] == [{"level": "12x10", "count": 59}]


def test_the_stored_images_are_read_in_blocks(
    client: TestClient,
    pets: dict[str, Any],
    caller: Caller,
    tmp_path: Path,
) -> None:
    with transaction() as db:
        files = datasets.get(db, caller, "d").files
    blobs.store().download(files[MEDIA_FILE]["key"], tmp_path / MEDIA_FILE)
    blocks = image_blocks(tmp_path, "image", (12, 10), channels=3, max_bytes=20 * 360)

    shown = {
        row: image
        for block in blocks
        for row, image in zip(block.rows.tolist(), block.pixels, strict=True)
    }
    assert len(shown) == 59
    np.testing.assert_array_equal(shown[10], pixels(10))


def test_points_become_a_version_too(client: TestClient) -> None:
    clouds = np.random.default_rng(0).normal(size=(60, 30, 3))
    found = uploaded(client, npz_bytes(X=clouds, y=np.arange(60) % 2), "clouds.npz")

    kinds = {column["name"]: column["type"] for column in found["columns"]}
    assert (found["status"], kinds) == ("ready", {"points": "points", "y": "number"})


def test_a_zip_bomb_leaves_an_invalid_version(client: TestClient) -> None:
    nested = {**FILES, "inner.zip": zip_bytes(FILES)}
    found = uploaded(client, zip_bytes(nested), "x.zip")

    assert found["status"] == "invalid"
    assert found["problems"][0]["code"] == "nested_archive"
