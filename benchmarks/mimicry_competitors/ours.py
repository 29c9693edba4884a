"""Ours beside the others; ``mimicry_ours`` knows the steps."""

from collections.abc import Mapping
from typing import Any, ClassVar

from benchmarks import mimicry_ours
from benchmarks.mimicry_result import Cache, Competitor, Outcome
from benchmarks.mimicry_tables import BenchmarkProblem


class Ours:
    """See the module."""

    needs_time: ClassVar[bool] = True

    def configuration(self) -> Mapping[str, Any]:
        """There is nothing to configure; the code decides."""
        return {"code": mimicry_ours.code_digest()}

    def run(self, problem: BenchmarkProblem, cache: Cache) -> Outcome:  # noqa: ARG002 (nothing kept)
        """See ``mimicry_ours.run``."""
        return mimicry_ours.run(problem, problem.seed)


PLUGIN: type[Competitor] = Ours
