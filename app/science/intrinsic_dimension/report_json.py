"""The report as plain JSON values, schema ``id-report/1``.

No value is NaN or infinite: what is not finite becomes null. Keys with ``raw`` hold what the
formulas give; keys with ``cal`` hold what the table makes of it.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from app.science.intrinsic_dimension import covering
from app.science.intrinsic_dimension.estimator import DimensionEstimate
from app.science.intrinsic_dimension.recommended import Recommended
from app.science.intrinsic_dimension.scale_curve import ScaleCurve, ScalePoint

if TYPE_CHECKING:
    from app.science.intrinsic_dimension.report import DimensionReport

SCHEMA = "id-report/1"
_RAW_KS = (2, 5, 10, 20, 50)


def encode(report: "DimensionReport") -> dict[str, Any]:
    """All sections of the report, ready for ``json.dumps(..., allow_nan=False)``."""
    document = {
        "schema": SCHEMA,
        "n": report.n,
        "n_used": report.n_used,
        "ambient_dim": report.ambient_dim,
        "queries": report.n_queries,
        "metric": "euclidean",
        "seed": report.seed,
        "backend": dict(report.backend),
        "preprocess": dict(report.preprocess),
        "recommended": _recommended(report.recommended),
        "raw": _raw(report.curve, report.estimates),
        "estimators": _estimators(report.curve, report.estimates),
        "scale_curve": [_scale_point(point) for point in report.curve.points],
        "local": _local(report),
        "by_class": [
            {"label": each.label, "n": each.n, **_interval(each.recommended)}
            for each in report.by_class
        ],
        "linear": {
            "pca_90": report.linear.pca_90,
            "pca_95": report.linear.pca_95,
            "participation_ratio": report.linear.participation_ratio,
        },
        "minkowski": _minkowski(report.covering),
        "flags": list(report.flags),
        "warnings": list(report.warnings),
        "two_nn": {"log_mu": report.two_nn[0], "minus_log_1_minus_f": report.two_nn[1]},
        "by_sample_size": [asdict(each) for each in report.by_sample_size],
        "sample_size_advice": {"n_for_10pct": report.rows_for_ten_percent},
    }
    plain: dict[str, Any] = _plain(document)
    return plain


def _recommended(best: Recommended) -> dict[str, Any]:
    return {
        **_interval(best),
        "level": best.level,
        "kind": "calibrated",
        "integer": max(1, round(best.value)),
        "for_sizing": best.for_sizing,
        "scale": {
            "k_min": best.k_min,
            "k_max": best.k_max,
            "r_min": best.r_min,
            "r_max": best.r_max,
        },
        "agreement": best.agreement,
        "confidence": best.confidence,
    }


def _interval(best: Recommended) -> dict[str, float]:
    return {"value": best.value, "low": best.low, "high": best.high}


def _raw(curve: ScaleCurve, estimates: Mapping[str, DimensionEstimate]) -> dict[str, float]:
    """Raw values by plug-in name, and the pooled estimate at a few k."""
    pooled = {f"mle_k{point.k}": point.raw for point in curve.points if point.k in _RAW_KS}
    return {**pooled, **{name: e.value for name, e in estimates.items() if name != "mle"}}


def _estimators(
    curve: ScaleCurve, estimates: Mapping[str, DimensionEstimate]
) -> list[dict[str, Any]]:
    """One row for each estimator; only the pooled one has a calibration table."""
    rows: list[dict[str, Any]] = [
        {
            "name": "mle",
            "k": point.k,
            "raw": point.raw,
            "stderr": point.raw_se,
            "calibrated": dict(point.calibrated.by_family),
            "low": point.low,
            "high": point.high,
        }
        for point in curve.points
        if point.k in _RAW_KS
    ]
    for name, each in estimates.items():
        if name != "mle":
            bare = {"k": None, "calibrated": None, "low": None, "high": None}
            rows.append({"name": name, **bare, "raw": each.value, "stderr": each.stderr})
    return rows


def _scale_point(point: ScalePoint) -> dict[str, float]:
    return {
        "k": point.k,
        "p": point.p,
        "r_mean": point.r_mean,
        "raw": point.raw,
        "raw_se": point.raw_se,
        "cal": point.value,
        "cal_low": point.low,
        "cal_high": point.high,
    }


def _local(report: "DimensionReport") -> dict[str, Any]:
    edges, counts = report.local.histogram()
    return {
        "k": report.local.k,
        "kind": "raw",
        "quantiles": report.local.quantiles(),
        "histogram": {"edges": edges, "counts": counts},
        "by_class": [
            {"label": each.label, "n": each.n, "quantiles": each.quantiles}
            for each in report.local_by_class
        ],
    }


def _minkowski(curve: covering.CoveringCurve) -> dict[str, Any]:
    pairs = zip(curve.eps, curve.packing, strict=True)
    return {
        "value": curve.value,
        "resolvable": curve.resolvable,
        "curve": [{"eps": eps, "packing": count} for eps, count in pairs],
        "note": covering.NOTE,
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Copy with every non-finite number replaced by None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
