"""What the documents of jobs look like, for readers of the contract."""

from typing import Any

EXAMPLES: dict[str, dict[str, Any]] = {
    "intrinsic-dimension": {
        "recommended": {"value": 4.3, "low": 3.8, "high": 4.9, "level": 0.9, "kind": "calibrated"},
        "flags": [],
        "warnings": [],
    },
    "advice": {
        "n_motifs": 812,
        "n_parameters": 11_204,
        "evidence": [
            {
                "decision": "n_motifs",
                "value": 812,
                "rule": "m grows with the rows as n^(d / (2 b + d))",
                "inputs": {"n": 8000, "d": 4.9},
                "alternatives": [{"name": "half", "value": 406, "relative_size": 0.6}],
                "source": "Nakada and Imaizumi 2020, JMLR 21(174), theorem 7",
                "confidence": "medium",
                "decided_by": "auto",
            }
        ],
    },
    "comparison": {
        "metric": "rmse",
        "n_test": 2000,
        "methods": {
            "network": {
                "name": "Motif Mimicry",
                "metrics": {"rmse": 0.381},
                "seconds": 2.1,
                "n_parameters": 11_204,
                "latency_ms": 0.03,
            },
            "adam_mlp": {
                "name": "the Adam MLP",
                "metrics": {"rmse": 0.377},
                "seconds": 41.0,
                "n_parameters": 135_169,
                "latency_ms": 0.03,
            },
        },
        "differences": {
            "adam_mlp": {
                "value": 0.004,
                "low": -0.003,
                "high": 0.011,
                "level": 0.95,
                "significant": False,
            }
        },
        "matched_quality": {"method": "adam_mlp", "error": 0.381, "reached": True, "seconds": 33.5},
        "summary": "No other method is significantly better than Motif Mimicry with its rmse of "
        "0.381; the difference from the Adam MLP (0.377) is not significant; training took 2.1 s, "
        "20x faster than the Adam MLP",
    },
    "structure": {
        "verdict": {"side": "smooth", "confidence": "high", "witnesses": []},
        "smoothness": {"value": 1.3, "low": 0.9, "high": 1.8},
        "phase": {"best_family": "kernel methods and networks"},
    },
    "invariance": {
        "sentence": "No invariance found among 12 candidates; this is the usual answer.",
        "mechanism": "none",
        "group": {"generators": [], "order": 1},
    },
    "double-descent": {"peak_factor": 41.0, "enough_width": 194, "warnings": []},
    "loss-surface": {"sentence": "Both places are about as flat.", "lines": []},
    "forecast": {
        "metric": "rmse",
        "sentence": "To halve the excess error you need 5.7 times the rows.",
        "most_rows": 80_000,
        "answers": {"at": {"rows": 20_000, "value": 0.33, "low": 0.31, "high": 0.35}},
    },
    "report": {"format": "adaptnet-report/1", "summary": {}, "headlines": {}, "seconds": {}},
}
