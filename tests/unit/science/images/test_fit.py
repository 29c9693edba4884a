"""From labelled images to a network: it learns, respects memory and mirrors, and ships as ONNX."""

from dataclasses import replace
from functools import cache

import numpy as np
import onnxruntime as ort
import pytest
import torch

from app.science.errors import DegenerateTarget
from app.science.images import fit, learn, onnx_graph, pixels, select, span, store
from app.science.images.fit import Fitted
from app.science.images.plan import Plan, StagePlan
from tests.unit.science.images.pictures import stripes

CLASSES = ("rows", "columns", "diagonal")
ONE = Plan((StagePlan(16, 4, cells=2),))
TWO = Plan((StagePlan(16, 4, cells=2, channels=6), StagePlan(16, 3, cells=1)), mirrored=True)


@cache
def fitted(n: int, plan: Plan) -> Fitted:
    images, codes = stripes(n)
    return fit.fit(images, codes, "multiclass", CLASSES, plan)


def error(found: Fitted) -> float:
    images, codes = stripes(300, seed=9)
    return float((found.network.logits(images).argmax(axis=1) != codes).mean())


@pytest.mark.parametrize("plan", [ONE, TWO])
def test_stripes_are_told_apart(plan: Plan) -> None:
    assert error(fitted(300, plan)) < 0.03


def test_few_images_with_more_features_than_rows() -> None:
    found = fitted(60, ONE)
    assert found.network.body.width > 60
    assert error(found) < 0.1


def test_a_mirrored_network_does_not_see_the_mirror() -> None:
    images, _ = stripes(20, seed=3)
    network = fitted(300, TWO).network
    straight, turned = network.logits(images), network.logits(images[:, :, ::-1])
    assert np.abs(straight - turned).max() <= 1e-5 * np.abs(straight).max()


@pytest.mark.parametrize("n", [60, 300])
def test_a_number_is_learned_and_ships_as_onnx(n: int) -> None:
    images, _ = stripes(n)
    contrast = images.std(axis=(1, 2, 3))
    found = fit.fit(images, 5.0 + contrast, "regression", (), ONE)
    more, _ = stripes(100, seed=9)
    wanted = 5.0 + more.std(axis=(1, 2, 3))

    predicted = found.network.logits(more)[:, 0]
    session = ort.InferenceSession(onnx_graph.build(found.network))
    (served,) = session.run(["prediction"], {"image": more})

    assert np.mean((predicted - wanted) ** 2) < 0.1 * wanted.var()
    assert np.abs(served - predicted).max() <= 1e-5 * np.ptp(predicted)


@pytest.mark.parametrize("plan", [ONE, TWO])
def test_onnx_gives_the_same_probabilities(plan: Plan) -> None:
    images, _ = stripes(50, seed=4)
    network = fitted(300, plan).network
    session = ort.InferenceSession(onnx_graph.build(network), providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(None, {"image": images})
    logits = torch.from_numpy(network.logits(images))
    assert np.abs(probabilities - logits.softmax(dim=1).numpy()).max() <= 1e-5
    assert list(labels) == [CLASSES[code] for code in logits.argmax(dim=1)]


def test_large_color_images_are_averaged_down_in_the_network_too() -> None:
    images, codes = stripes(40, side=130, channels=3)
    found = fit.fit(
        images, codes, "multiclass", CLASSES, replace(ONE, stages=(StagePlan(8, 4, cells=2),))
    )
    assert found.network.body.standardization.square == 3
    session = ort.InferenceSession(
        onnx_graph.build(found.network), providers=["CPUExecutionProvider"]
    )
    _, probabilities = session.run(None, {"image": images})
    expected = torch.from_numpy(found.network.logits(images)).softmax(dim=1).numpy()
    assert np.abs(probabilities - expected).max() <= 1e-5


def test_features_that_do_not_fit_are_computed_anew_with_the_same_result() -> None:
    tight = store.needed_bytes(300, ONE.width) - 1
    kept, anew = fitted(300, ONE), fitted(300, replace(ONE, memory_bytes=tight))
    images, _ = stripes(20, seed=3)
    expected = kept.network.logits(images)
    assert np.abs(anew.network.logits(images) - expected).max() <= 1e-3 * np.ptp(expected)


def test_a_memory_that_cannot_hold_the_matrices_is_refused() -> None:
    with pytest.raises(store.MemoryTooSmall, match="take fewer filters"):
        fitted(300, replace(ONE, memory_bytes=1000))


def test_the_span_of_few_rows_loses_nothing() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 50))
    basis = span.basis(rows)
    np.testing.assert_allclose(basis.T @ basis, np.eye(20), atol=1e-6)
    np.testing.assert_allclose(rows @ basis @ basis.T, rows, atol=1e-6)


def test_repeated_images_do_no_harm() -> None:
    images, codes = stripes(30)
    found = fit.fit(np.repeat(images, 2, axis=0), np.repeat(codes, 2), "multiclass", CLASSES, ONE)
    assert np.isfinite(found.network.logits(images)).all()


def test_images_that_are_all_alike_are_refused() -> None:
    images = np.full((40, 16, 16, 1), 7, np.uint8)
    with pytest.raises(pixels.UnusableImages, match="alike"):
        fit.fit(images, np.arange(40) % 3, "multiclass", CLASSES, ONE)


def test_a_plan_counts_its_features() -> None:
    images, _ = stripes(60)
    assert learn.body(images, ONE).width == ONE.width
    assert learn.body(images, TWO).width == TWO.width


def test_the_default_plan_grows_with_the_memory() -> None:
    images = np.zeros((20_000, 28, 28, 1), np.uint8)
    sizes = [
        select.by_size(images, mirrored=False, memory_bytes=int(gigabytes * 1e9)).width
        for gigabytes in (0.2, 0.5, 6)
    ]
    assert sizes == sorted(set(sizes))
    whole = select.by_size(images, mirrored=False)
    work = select.products(whole, len(images), images.shape[1:])
    assert select.by_size(images, mirrored=False, max_products=work).width == whole.width
    assert select.by_size(images, mirrored=False, max_products=work / 2).width < whole.width


def test_a_body_is_moved_with_all_its_tensors() -> None:
    images, _ = stripes(20)
    body = fitted(300, TWO).network.body
    abroad = body.on("meta")

    assert abroad.device.type == "meta"
    stages = [stage.filters.weight for stage in abroad.stages]
    tensors = [*stages, abroad.bend.inverse, abroad.stages[0].compression.weight]  # type: ignore[union-attr]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert abroad.width == body.width  # its arithmetic mixes no devices
    assert torch.equal(body.on("cpu").features(images), body.features(images))


def test_without_time_for_the_kernel_there_is_the_ridge() -> None:
    images = np.zeros((20_000, 28, 28, 1), np.uint8)
    least = select.by_size(images, mirrored=False, max_products=1e9)

    assert least.heads == ("ridge",)
    assert least.width == select.by_size(images, mirrored=False, memory_bytes=1).width
    assert "kernel" in select.by_size(images, mirrored=False, memory_bytes=1).heads


@pytest.mark.parametrize("side", [12, 28, 32, 64, 224])
def test_the_default_plan_suits_any_size(side: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, side, side, 3), dtype=np.uint8)
    plan = select.by_size(images, mirrored=False)
    small = tuple(replace(stage, n_filters=4, clustered=False) for stage in plan.stages)
    small = tuple(replace(s, channels=s.channels and 4) for s in small)
    assert learn.body(images, replace(plan, stages=small)).width > 0


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 16, 16, 1), np.float32),
        np.zeros((4, 16, 16), np.uint8),
        np.zeros((4, 16, 300, 1), np.uint8),
        np.zeros((4, 3, 16, 1), np.uint8),
    ],
)
def test_what_is_no_image_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(pixels.UnusableImages):
        fit.fit(wrong, np.zeros(4, np.int64), "multiclass", CLASSES, ONE)


def test_another_size_than_trained_on_is_refused() -> None:
    with pytest.raises(pixels.UnusableImages, match="resize"):
        fitted(60, ONE).network.logits(stripes(3, side=20)[0])


def test_maps_too_small_for_the_plan_are_refused() -> None:
    images, codes = stripes(60, side=8)
    with pytest.raises(pixels.UnusableImages, match="fewer stages"):
        fit.fit(images, codes, "multiclass", CLASSES, Plan((StagePlan(8, 8, cells=2),)))


def test_one_class_is_refused() -> None:
    images, codes = stripes(60)
    with pytest.raises(DegenerateTarget):
        fit.fit(images, np.zeros_like(codes), "multiclass", CLASSES, ONE)
