"""The phases of a job, in a child that takes up where another attempt has stopped."""

import json
from pathlib import Path

from app.domain.kinds.ingest import IngestSpec
from workers.child import run_phases
from workers.context import Context
from workers.messages import Kind


class Silent:
    def say(self, kind: Kind, data: dict[str, object]) -> None:
        raise AssertionError(f"{kind} although everything was done: {data}")


def test_where_only_the_end_was_lost_the_result_is_that_of_the_last_phase(tmp_path: Path) -> None:
    left = tmp_path / "phases" / "ingest" / "result.json"
    left.parent.mkdir(parents=True)
    left.write_text(json.dumps({"n_rows": 80}))
    context = Context(tmp_path, IngestSpec(dataset="d"), {}, Silent())

    assert run_phases(context, ["ingest"], {"ingest"}) == {"n_rows": 80}
