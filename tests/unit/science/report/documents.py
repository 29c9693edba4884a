"""A report's documents, as short as the sections allow."""

from typing import Any

from matplotlib.figure import Figure

from app.science.plots.plot import Plot

METHOD = {"seconds": 2.0, "n_parameters": 900, "latency_ms": 0.03}
DIFFERENCE = {"value": -0.2, "low": -0.3, "high": -0.1, "level": 0.95, "significant": True}

EVALUATION: dict[str, Any] = {
    "metric": "rmse",
    "n_test": 200,
    "methods": {
        "network": {"name": "Motif Mimicry", "metrics": {"rmse": 0.4, "mae": 0.3}, **METHOD},
        "teacher": {"name": "the teacher", "metrics": {"rmse": 0.5}, "seconds": 1.0}
        | {"n_parameters": None, "latency_ms": None},
        "adam_mlp": {"name": "the Adam MLP", "metrics": {"rmse": 0.6}, **METHOD, "seconds": 20.0},
        "ridge": {"name": "ridge", "metrics": {"rmse": 0.9}, **METHOD},
    },
    "differences": {"adam_mlp": DIFFERENCE, "ridge": {**DIFFERENCE, "value": -0.5}},
    "matched_quality": {
        "method": "adam_mlp",
        "error": 0.4,
        "best": 0.6,
        "reached": False,
        "seconds": None,
        "seconds_without_tuning": None,
    },
    "coverage": {"level": 0.9, "value": None, "reason": "too few rows"},
    "seconds_note": "network: teacher; baselines: tuning and training.",
    "latency_note": "median",
    "summary": "No other method is significantly better than Motif Mimicry",
}

REPORT: dict[str, Any] = {
    "summary": {
        "n_rows": 1000,
        "target": "<price> & co",
        "task": "regression",
        "classes": [],
        "register_as": "homes",
        "metric": "rmse",
        "test": {"network": 0.4, "sgd": 0.6},
        "seconds": {"network": 2.0, "sgd": 20.0},
        "n_parameters": 900,
        "dimension": {"value": 3.1},
    },
    "headlines": {},
    "seconds": {"teacher": 1.5, "evaluate": 0.5},
    "evaluate": EVALUATION,
    "dimension": {
        "ambient_dim": 8,
        "recommended": {"value": 3.1, "low": 2.5, "high": 3.9, "level": 0.9},
        "flags": ["no_plateau", "of_a_new_kind"],
        "warnings": [],
    },
    "architecture": {
        "evidence": [
            {
                "decision": "n_motifs",
                "value": 64,
                "rule": "m grows | with n",
                "alternatives": [{"name": "half", "value": 32, "relative_size": 0.5}],
                "source": "theorem 7",
                "confidence": "high",
                "decided_by": "user",
            }
        ]
    },
    "transfer": {"reason": "the teacher's centers are the network's"},
    "correct": {"verdicts": [{"name": "boosted_trees", "accepted": True}]},
    "certify": {"observed_max": 0.2, "observed_rms": 0.1, "certified_sup": None, "reason": "deep"},
    "forecast": {
        "metric": "rmse",
        "sentence": "Twice the rows lower the rmse by 9%.",
        "exponent": {"value": 0.4, "low": 0.3, "high": 0.5},
        "level": 0.8,
        "most_rows": 10_000,
    },
    "structure": {"sentence": "The target is smooth.", "warnings": ["few rows"]},
    "profile": {
        "n_rows": 1000,
        "n_duplicate_rows": 0,
        "dropped": [{"name": "id", "reason": "identifier"}],
        "columns": [
            {"name": "a", "type": "number", "n_distinct": 9, "n_missing": 1, "min": 0.5, "max": 2}
        ],
    },
}

SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20">
<rect width="60" height="20"/></svg>"""


def plot(name: str) -> Plot:
    return Plot(name, SVG, "x,y\n1,2\n", f"About {name}.", Figure())
