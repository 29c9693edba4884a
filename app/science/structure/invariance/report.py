"""What the search for invariances found, with its evidence.

Source: the modules named in ``find.py``; this file only orders.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.science.linalg import Floats
from app.science.relu_network.network import Network
from app.science.structure.invariance import quotient
from app.science.structure.invariance.group import Group
from app.science.structure.invariance.pooling import PointPooling
from app.science.structure.invariance.sample_size import EffectiveRows

SCHEMA = "invariance-report/1"
LARGEST_INTEGER = 2**53
MAX_LISTED = 100

Mechanism = Literal["none", "canonical_form", "feature_averaging", "pooling"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One candidate and what decided on it.

    p_harm : of "averaging harms", adjusted over all candidates; p_asymmetry : of "the target is
    invariant"; p_neighbors : the same without a model; support : share of moved rows among the
    data; None where an earlier test had decided; gain over the target's variance
    """

    group: str
    text: str
    accepted: bool
    reason: str
    p_harm: float
    p_asymmetry: float
    p_neighbors: float | None
    support: float | None
    gain: float
    gain_se: float


@dataclass(frozen=True, slots=True)
class LossChange:
    """Cross-validated loss of the cheap teacher without and with the group, over the variance.

    before_se : standard error of the loss itself; change_se : of the paired difference
    """

    before: float
    before_se: float
    after: float
    change: float
    change_se: float

    @property
    def harmless(self) -> bool:
        """The loss does not rise by more than one standard error."""
        return self.change <= self.before_se

    @property
    def pays(self) -> bool:
        """It falls by more than one standard error of the difference."""
        return self.change < -self.change_se


@dataclass(frozen=True)
class InvarianceReport:
    """The accepted group, how to use it and what it is worth.

    group : of signed permutations; pooling : set where the order of points does not matter;
    loss, rows : None where nothing was accepted; error_factor : predicted excess error with the
    group over that without, at smoothness ``beta`` and ``dimension``
    """

    kind: str
    n_rows: int
    n_candidates: int
    seed: int
    seconds: float
    group: Group
    pooling: PointPooling | None
    findings: tuple[Finding, ...]
    loss: LossChange | None
    rows: EffectiveRows | None
    beta: float
    dimension: float
    error_factor: float

    @property
    def accepted(self) -> tuple[Finding, ...]:
        """The generators of the group."""
        return tuple(finding for finding in self.findings if finding.accepted)

    @property
    def log_order(self) -> float:
        """Natural logarithm of the number of transformations, the order of points included."""
        return log_order(self.group, self.pooling)

    @property
    def pays(self) -> bool:
        """Whether a network should use it: true is not enough, the loss has to fall."""
        return self.loss is not None and self.loss.pays

    @property
    def mechanism(self) -> Mechanism:
        """How a network uses the group."""
        if self.pooling:
            return "pooling"
        if not self.group.generators:
            return "none"
        return "feature_averaging" if self.group.blocks is None else "canonical_form"

    @property
    def canonical_form(self) -> Callable[[Floats], Floats] | None:
        """The map to apply to encoded rows before a network is fitted, where there is one."""
        return self.pooling or (
            quotient.canonical_form(self.group) if self.group.generators else None
        )

    def apply(self, network: Network) -> Network:
        """The network made exactly invariant.

        A network that was fitted on rows in canonical form gets that form as its first layers;
        for other groups the network is averaged. For point sets the network reads pooled
        features, and is averaged around the pooling where frames were accepted too.
        """
        if self.pooling:
            network = quotient.behind(self.pooling.nodes(), network, self.pooling.input_dim)
        form = quotient.canonical_form(self.group)
        if form is None:
            return quotient.averaged(network, self.group)
        return quotient.behind(form.nodes(), network)

    @property
    def sentence(self) -> str:
        """The finding in plain words."""
        if not self.accepted:
            return (
                f"No invariance found among {self.n_candidates} candidates; this is the usual"
                " answer and costs nothing."
            )
        what = "; ".join(finding.text for finding in self.accepted[:5])
        more = f" and {len(self.accepted) - 5} more" if len(self.accepted) > 5 else ""
        return f"The target does not change when {what}{more}.{self._worth()}"

    def _worth(self) -> str:
        if self.rows is None:
            return ""
        least = "at least " if self.rows.beyond else ""
        return (
            f" Used, {self.rows.rows:,} rows are worth {least}{self.rows.measured:,.0f}"
            f" (theory's limit: {self.rows.predicted:,.3g})."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values under the schema ``invariance-report/1``."""
        order = math.exp(min(self.log_order, 40.0))
        rows = asdict(self.rows) if self.rows else None
        return {
            "schema": SCHEMA,
            "kind": self.kind,
            "n_rows": self.n_rows,
            "n_candidates": self.n_candidates,
            "seed": self.seed,
            "seconds": self.seconds,
            "sentence": self.sentence,
            "mechanism": self.mechanism,
            "pays": self.pays,
            "group": {
                "generators": [finding.text for finding in self.accepted],
                "order": round(order) if order < LARGEST_INTEGER else None,
                "log10_order": self.log_order / math.log(10.0),
                "blocks": [asdict(block) for block in self.group.blocks or ()],
                **self.group.to_json(),
            },
            "findings": [asdict(finding) for finding in self.findings[:MAX_LISTED]],
            "loss": asdict(self.loss) if self.loss else None,
            "effective_rows": rows,
            "predicted_error_factor": {
                "value": self.error_factor,
                "beta": self.beta,
                "dimension": self.dimension,
            },
        }


def log_order(group: Group, pooling: PointPooling | None) -> float:
    """Natural logarithm of the number of transformations."""
    points = math.lgamma(pooling.layout.n_points + 1) if pooling else 0.0
    return group.log_order + points
