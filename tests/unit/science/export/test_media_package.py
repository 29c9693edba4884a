"""A package of an image or point model: written, proved, read back, and refused where it lies."""

import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.science.errors import ScienceError
from app.science.export import archive, manifest, media_runtime, runtime
from app.science.export.errors import InvalidRows, PackageError
from app.science.export.media_writer import MediaTrained, package_bytes
from app.science.export.trained_model import CardText
from app.science.images import fit, onnx_graph
from app.science.images.plan import Plan, StagePlan
from app.science.point_sets import model as point_models
from app.science.point_sets import onnx_file
from app.science.point_sets.plan import PointPlan
from app.science.point_sets.sets import from_arrays
from app.science.relu_network.evaluate import softmax
from tests.unit.cli.run import adaptnet
from tests.unit.science.images.pictures import stripes

CLASSES = ("rows", "columns", "diagonal")


@cache
def images() -> MediaTrained:
    """Stripes of three directions, 16 x 16, grey."""
    pixels, codes = stripes(120)
    network = fit.fit(
        pixels, codes, "multiclass", CLASSES, Plan((StagePlan(8, 4, cells=2),))
    ).network
    return MediaTrained(
        kind="image",
        column="image",
        reading={"height": 16, "width": 16, "channels": 1},
        task="multiclass",
        classes=CLASSES,
        target_name="direction",
        onnx=onnx_graph.build(network),
        depth=2,
        golden=pixels[:8],
        outputs=softmax(network.logits(pixels[:8])),
        provenance={"seed": 0},
        evidence={},
        card=CardText(title="stripes"),
    )


@cache
def points() -> MediaTrained:
    """The mean distance from the origin, of sets of 5 to 9 points."""
    rng = np.random.default_rng(0)
    scale = rng.uniform(1, 2, 80)
    sets = from_arrays([s * rng.normal(size=(5 + i % 5, 2)) for i, s in enumerate(scale)])
    plan = PointPlan(n_ridges=16, n_bumps=4, radii=(), heads=("ridge",))
    found = point_models.fit(sets, scale, "regression", plans=[plan])
    few = sets.take(np.arange(8))
    return replace(
        images(),
        kind="points",
        column="points",
        reading={"columns": 2},
        task="regression",
        classes=(),
        onnx=onnx_file.build(found),
        golden=few.points,
        outputs=found.predict(few)[:, None],
    )


@pytest.mark.parametrize("trained", [images, points])
def test_a_package_verifies_and_says_what_it_reads(trained: Callable[[], MediaTrained]) -> None:
    model = trained()
    package = package_bytes(model)
    report = media_runtime.verify(package)
    loaded = media_runtime.load(package)

    assert report.passed, report
    assert package == package_bytes(model)
    assert runtime.is_media(package)
    assert loaded.metadata["reading"] == dict(model.reading)
    assert loaded.n_parameters == model.n_parameters > 0
    read = archive.read(package)
    assert b"decoding" in read["preprocess.json"]
    assert model.column.encode() in read["card.md"] or b"direction" in read["card.md"]


def test_another_output_fails_the_self_test() -> None:
    wrong = replace(images(), outputs=images().outputs[:, ::-1])
    checks = media_runtime.verify(package_bytes(wrong)).checks
    assert [check.passed for check in checks] == [True, True, False]


def rebuilt(**changed: bytes) -> bytes:
    """The package of images with other parts, and a manifest that agrees with them."""
    files = archive.read(package_bytes(images()))
    files |= {
        name.replace("_json", ".json").replace("_onnx", ".onnx"): d for name, d in changed.items()
    }
    parts = {name: files[name] for name in manifest.MEDIA_PARTS}
    head = manifest.build(parts, target_name="t", form=manifest.MEDIA_FORMAT)
    return archive.write({manifest.NAME: head, **parts})


@pytest.mark.parametrize(
    "bad",
    [
        lambda: rebuilt(model_onnx=b"no graph"),
        lambda: rebuilt(model_onnx=points().onnx),
        lambda: rebuilt(preprocess_json=b"{}"),
        lambda: rebuilt(selftest_json=b"{}"),
        lambda: package_bytes(replace(images(), reading={"height": 16, "width": 16})),
        lambda: package_bytes(replace(images(), reading={**images().reading, "height": 10**6})),
        lambda: package_bytes(images())[:-1],
        lambda: package_bytes(images()).replace(b"stripes", b"strides", 1),
    ],
)
def test_what_is_no_such_package_is_a_report(bad: Callable[[], bytes]) -> None:
    assert not media_runtime.verify(bad()).passed


def test_the_other_reader_names_the_right_one() -> None:
    with pytest.raises(PackageError, match="load_media"):
        runtime.load(package_bytes(images()))
    with pytest.raises(PackageError, match="zip"):
        media_runtime.load(b"nothing")


def test_items_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    pictures, sets = (media_runtime.load(package_bytes(m())) for m in (images, points))
    text = tmp_path / "note.png"
    text.write_text("no picture")

    with pytest.raises(InvalidRows, match=r"note\.png"):
        pictures.predict([text])
    with pytest.raises(InvalidRows, match="nothing"):
        pictures.predict([])
    with pytest.raises(InvalidRows, match="point set 1"):
        sets.predict([np.zeros((3, 2)), np.zeros((3, 3))])
    with pytest.raises(InvalidRows, match="finite"):
        sets.predict([np.full((3, 2), np.inf)])
    with pytest.raises(ScienceError, match="regression"):
        sets.predict_proba([np.zeros((3, 2))])


def test_files_bytes_and_pixels_are_one_and_the_same(tmp_path: Path) -> None:
    pixels, _ = stripes(5, seed=3)
    model = media_runtime.load(package_bytes(images()))
    encoded = []
    for number, one in enumerate(pixels):
        buffer = io.BytesIO()
        Image.fromarray(one[:, :, 0]).convert("RGBA").save(buffer, format="PNG")
        (tmp_path / f"{number}.png").write_bytes(buffer.getvalue())
        encoded.append(buffer.getvalue())

    wanted = model.predict_proba(pixels)
    for items in (list(pixels), encoded, [tmp_path / f"{n}.png" for n in range(5)]):
        assert np.array_equal(model.predict_proba(items), wanted)


def test_the_command_reads_a_folder_a_zip_one_picture_and_an_array(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels, _ = stripes(4, seed=5)
    folder, bundle = tmp_path / "pictures", tmp_path / "pictures.zip"
    (folder / "more").mkdir(parents=True)
    for name, one in zip(("a.png", "b.PNG", "more/c.png", "more/d.png"), pixels, strict=True):
        Image.fromarray(one[:, :, 0]).save(folder / name)
    (folder / "readme.txt").write_text("not a picture")
    with zipfile.ZipFile(bundle, "w") as archived:
        for path in sorted(folder.rglob("*.*")):
            archived.write(path, path.relative_to(folder))
    package, sets = tmp_path / "m.mmpkg", tmp_path / "sets.npy"
    package.write_bytes(package_bytes(images()))
    wanted = media_runtime.load(package).predict(pixels).tolist()

    def told(*arguments: object) -> list[dict[str, str]]:
        ended = adaptnet(capsys, "predict", *arguments)
        assert ended.status == 0, ended.err
        return list(csv.DictReader(io.StringIO(ended.out)))

    assert [row["prediction"] for row in told(package, folder)] == wanted
    assert [row["file"] for row in told(package, bundle)] == [
        "a.png", "b.PNG", "more/c.png", "more/d.png",
    ]  # fmt: skip
    assert [row["prediction"] for row in told(package, folder / "a.png")] == wanted[:1]
    assert adaptnet(capsys, "verify", package).status == 0
    assert adaptnet(capsys, "predict", package, tmp_path / "pictures/more/none.png").status != 0
    package.write_bytes(package_bytes(points()))
    np.save(sets, np.random.default_rng(1).normal(size=(3, 6, 2)))
    assert len(told(package, sets)) == 3
