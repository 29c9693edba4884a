"""Point sets: motifs of each point, pooled without an order, and a convex head."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from app.science.baselines.media import POSITIONS
from app.science.linalg import Floats
from app.science.plots.plot import BLUE
from app.science.point_sets import model, onnx_file
from app.science.point_sets.model import PointModel
from app.science.point_sets.plan import DEFAULT_HEADS, LADDER, PointPlan
from app.science.point_sets.pose import FRAMED, MOST_FRAMED_DIM, PoseName
from app.science.point_sets.sets import MOST_POINTS, PointSets, UnusablePointSets
from app.science.structure.invariance.layout import Layout
from app.science.structure.invariance.layout import PointSets as PointLayout
from app.tables.media_blocks import PointBlock, point_blocks
from workers.media.modality import Inputs, Modality, Rows, Trained, Training, decided

BLOCK_BYTES, BLOCK_ROWS = 32 << 20, 1024
STUDY_POINTS, LEAST_STUDY_POINTS = 24, 4
LIVE_COPIES = 6
DRAWN_POINTS = 200
PERMUTED_TOLERANCE = 1e-6
FEW_SETS = 4_000
"""Up to which a kernel head takes seconds; with 20,000 it took five times as long as all else."""
QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


class PointModality:
    """See ``workers.media.modality.Modality``."""

    rival = "point_net"

    def reading(self, profile: Mapping[str, Any], *, extracted: bool = False) -> dict[str, Any]:
        """The numbers of a point."""
        del extracted  # of images only
        most = int(profile["n_points"]["max"])
        if most > MOST_POINTS:
            raise UnusablePointSets(
                f"a set has {most:,} points; thin it out to {MOST_POINTS:,} at most"
            )
        return {"columns": int(profile["dim"])}

    def load(
        self, folder: Path, column: str, reading: Mapping[str, Any], rows: Rows, path: Path
    ) -> None:
        """float32 (n, points, columns), padded with NaN to the largest set."""

        def blocks() -> Iterator[PointBlock]:
            return point_blocks(folder, column, max_bytes=BLOCK_BYTES, rows=rows)

        most = max((int(np.diff(block.offsets).max()) for block in blocks()), default=0)
        shape = (len(rows), most, reading["columns"])
        stored = np.lib.format.open_memmap(path, "w+", np.float32, shape)
        done = 0
        for block in blocks():
            for first, last in zip(block.offsets[:-1], block.offsets[1:], strict=True):
                stored[done, : last - first] = block.points[first:last]
                stored[done, last - first :] = np.nan
                done += 1
        stored.flush()

    def vectors(self, inputs: Inputs, most: int) -> Floats:
        """Mean, deviation and quantiles of each coordinate over a set's points."""
        del most  # there are few
        blocks = (inputs[i : i + BLOCK_ROWS] for i in range(0, len(inputs), BLOCK_ROWS))
        return np.concatenate([_statistics(block) for block in blocks])

    def study(self, inputs: Inputs, seed: int) -> tuple[Floats, Layout]:
        """As many drawn points of each set as the smallest has, their positions centered."""
        dim = min(POSITIONS, inputs.shape[2])
        least = int((~np.isnan(inputs[:, :, 0])).sum(axis=1).min())
        k = min(STUDY_POINTS, least)
        if k < LEAST_STUDY_POINTS:
            raise UnusablePointSets(f"the smallest set has {least} points only")
        rng = np.random.default_rng([seed, 41])
        order = rng.random(inputs.shape[:2])
        order[np.isnan(inputs[:, :, 0])] = np.inf
        drawn = np.argsort(order, axis=1)[:, :k, None]
        points = np.take_along_axis(inputs[:, :, :dim], drawn, axis=1).astype(np.float64)
        points -= points.mean(axis=(0, 1))
        return points.reshape(len(points), -1), PointLayout(k, dim)

    def plan(self, training: Training, accepted: Mapping[str, list[str]]) -> dict[str, Any]:
        """Plans from small to large; one with turned sets where turns were accepted."""
        dim = min(POSITIONS, training.inputs.shape[2])
        pose = _pose(dim, accepted)
        kept = training.memory_bytes // 2
        plans = [replace(plan, kept_bytes=kept) for plan in LADDER]
        if len(training.inputs) <= FEW_SETS:
            plans[-1] = replace(plans[-1], heads=(*DEFAULT_HEADS, "kernel"))
        if pose != "centered":
            plans.append(replace(plans[-1], pose=pose))
        largest = plans[-1]
        return {
            "plan": {"plans": [_document(plan) for plan in plans]},
            "n_motifs": largest.n_ridges + largest.n_bumps,
            "depth": 2,
            "evidence": _evidence(plans, pose),
        }

    def symmetries(self, plan: Mapping[str, Any]) -> dict[str, bool]:
        """Turns and mirrors, where one of the plans has them."""
        pose = plan["plans"][-1]["pose"]
        return {"turned": pose in FRAMED, "mirrored": pose == "turned_or_mirrored"}

    def fit(self, training: Training, plan: Mapping[str, Any]) -> Trained:
        """Draw the motifs, then solve the head; the first plan that is enough, or the best."""
        _check_memory(training)
        found = model.fit(
            _sets(training.inputs),
            training.y,
            training.task,
            classes=training.classes,
            plans=[_plan(document) for document in plan["plans"]],
            seed=training.seed,
            device=training.device,
        )
        return Trained(
            onnx=onnx_file.build(found),
            outputs=lambda inputs: found.predict(_sets(inputs)),
            symmetries={"points_permuted": (_permuted, PERMUTED_TOLERANCE)},
            facts={
                "head": found.head_name,
                "losses": dict(found.losses),
                "validation_loss": found.validation_loss,
                "n_features": found.features.width,
                "pose": found.plan.pose,
            },
            said=_said(found),
        )

    def draw(self, axes: Axes, one: Inputs) -> None:
        """The first two coordinates of some points."""
        there = one[~np.isnan(one[:, 0])][:DRAWN_POINTS]
        second = there[:, 1] if there.shape[1] > 1 else np.zeros(len(there))
        axes.scatter(there[:, 0], second, s=1.5, color=BLUE, linewidths=0, rasterized=True)
        axes.set_aspect("equal", adjustable="datalim")


def _statistics(inputs: Inputs) -> Floats:
    ordered = np.sort(np.asarray(inputs, dtype=np.float64), axis=1)  # NaN comes last
    last = (~np.isnan(ordered)).sum(axis=1, keepdims=True) - 1
    places = [np.rint(share * last).astype(np.int64) for share in QUANTILES]
    found = [np.take_along_axis(ordered, place, axis=1)[:, 0] for place in places]
    return np.concatenate([np.nanmean(ordered, axis=1), np.nanstd(ordered, axis=1), *found], axis=1)


def _sets(inputs: Inputs) -> PointSets:
    return PointSets(np.asarray(inputs), max(0, inputs.shape[2] - POSITIONS))


def _permuted(inputs: Inputs) -> Inputs:
    order = np.argsort(np.random.default_rng(0).random(inputs.shape[:2]), axis=1)
    return np.take_along_axis(inputs, order[:, :, None], axis=1)


def _check_memory(training: Training) -> None:
    needed = LIVE_COPIES * training.inputs.nbytes
    if needed > training.memory_bytes:
        raise UnusablePointSets(
            f"{len(training.inputs):,} sets of up to {training.inputs.shape[1]:,} points need "
            f"{needed >> 20:,} MiB and {training.memory_bytes >> 20:,} MiB are allowed; thin out "
            "the largest sets"
        )


def _pose(dim: int, accepted: Mapping[str, list[str]]) -> PoseName:
    """Turned where the target allows a quarter turn in every plane, or mirrored along any axis."""
    turns = len(accepted.get("point_frames", []))
    if not 2 <= dim <= MOST_FRAMED_DIM or turns < dim * (dim - 1) // 2:
        return "centered"
    return "turned_or_mirrored" if accepted.get("point_mirrors") else "turned"


def _document(plan: PointPlan) -> dict[str, Any]:
    return {**asdict(plan), "radii": list(plan.radii), "heads": list(plan.heads)}


def _plan(document: Mapping[str, Any]) -> PointPlan:
    tuples = {name: tuple(document[name]) for name in ("radii", "heads")}
    return PointPlan(**{**document, **tuples})


def _said(found: PointModel) -> tuple[str, ...]:
    plan = found.plan
    around = "their neighborhoods, " if plan.radii else ""
    return (
        f"Each point is described by its position, {around}and {plan.n_ridges + plan.n_bumps} "
        "motifs drawn from the data without their labels. Mean, maximum and deviation over a "
        "set's points know no order, so permuting the points changes nothing.",
        "The head is the only part that saw labels. It was solved, not trained: "
        f"{found.head_name} won with a loss of {found.validation_loss:.3g} on held-out training "
        "sets.",
    )


def _evidence(plans: Sequence[PointPlan], pose: PoseName) -> list[dict[str, Any]]:
    """Each decision with its rule, as the report shows it."""
    return [
        decided(
            "motifs of a point",
            " or ".join(str(plan.n_ridges + plan.n_bumps) for plan in plans),
            "from small to large until held-out sets show that one is enough; else the best",
            "Zaheer et al. 2017, arXiv:1703.06114",
        ),
        decided(
            "head",
            " or ".join(plans[-1].heads),
            "least held-out loss; kernel ridge is tried on few sets only",
            "Radhakrishnan et al. 2024, doi:10.1126/science.adi5639",
        ),
        decided(
            "pose",
            pose,
            "every set is moved to its own mean; turned to its own axes as well where the test of "
            "invariances accepts turns and held-out sets agree",
            "Puny et al. 2022, arXiv:2110.03336",
        ),
    ]


PLUGIN: Modality = PointModality()
