"""Adam MLP: the best setting of a stated grid, chosen at seed 0 and trained again for each seed.

The grid's runs keep no times, so a busy machine distorts none; the time that counts is the one of
the winner alone.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from benchmarks import mimicry_mlp
from benchmarks.mimicry_export import onnx_bytes
from benchmarks.mimicry_result import Cache, Competitor, Outcome
from benchmarks.mimicry_tables import BenchmarkProblem, load

SELECTION_SEED = 0


class AdamMlp:
    """See the module."""

    needs_time: ClassVar[bool] = True

    def configuration(self) -> Mapping[str, Any]:
        """The whole grid."""
        grid = [setting.to_json() for setting in mimicry_mlp.GRID]
        return {"grid": grid, "long": mimicry_mlp.LONG, "finalists": mimicry_mlp.FINALISTS}

    def run(self, problem: BenchmarkProblem, cache: Cache) -> Outcome:
        """Train the grid's winner."""
        first = problem if problem.seed == SELECTION_SEED else load(problem.name, SELECTION_SEED)
        outcome = mimicry_mlp.run(problem, mimicry_mlp.select(first, cache))
        if outcome.network is None:
            return outcome
        return replace(outcome, onnx=onnx_bytes(outcome.network, problem.encoding))


PLUGIN: type[Competitor] = AdamMlp
