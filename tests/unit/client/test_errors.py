"""The sentences that people read."""

from app.client.errors import DatasetInvalid, JobFailed, NotFound, api_error
from app.client.problem_table import render

PROBLEMS: list[dict[str, object]] = [
    {
        "row": 17,
        "column": "age",
        "message": "not a number",
        "remedy": "repair the cell",
        "value_excerpt": "abc",
        "count": 3,
        "severity": "error",
    },
    {"row": None, "column": None, "message": "one column only", "severity": "warning"},
]


def test_an_api_error_says_what_to_do() -> None:
    error = api_error(404, {"code": "not_found", "detail": "no dataset 'x'", "remedy": "list them"})

    assert isinstance(error, NotFound)
    assert str(error) == "no dataset 'x' (not_found)\n-> list them"


def test_fields_at_fault_follow_with_their_hints() -> None:
    fields = [
        {"pointer": "/sed", "message": "unknown", "hint": "did you mean 'seed'?"},
        {"pointer": "/split/test", "message": "too large"},
    ]
    error = api_error(422, {"code": "spec_invalid", "detail": "2 fields", "errors": fields})

    assert str(error).splitlines()[1:] == [
        "   /sed: unknown; did you mean 'seed'?",
        "   /split/test: too large",
    ]


def test_a_field_that_the_sentence_holds_is_not_said_twice() -> None:
    field = {"pointer": "/sed", "message": "unknown", "hint": "did you mean 'seed'?"}
    problem = {"detail": "/sed: unknown", "remedy": "did you mean 'seed'?", "errors": [field]}

    assert str(api_error(422, problem)) == "/sed: unknown (http_422)\n-> did you mean 'seed'?"


def test_problems_line_up_under_their_headings() -> None:
    assert render(PROBLEMS).splitlines() == [
        "row  column  problem                       what to do",
        "17   age     not a number [abc] (3 times)  repair the cell",
        "             warning: one column only",
    ]


def test_a_long_list_of_problems_is_cut() -> None:
    assert render(PROBLEMS * 15).splitlines()[-1] == "... and 10 more"


def test_an_invalid_dataset_shows_its_table() -> None:
    assert "17   age     not a number" in str(DatasetInvalid("churn@1", PROBLEMS))


def test_a_failed_job_says_where_why_and_what_to_do() -> None:
    error = {"phase": "teacher", "message": "no memory", "code": "out_of_memory", "hint": "less"}

    assert str(JobFailed("job_1", "failed", error)) == (
        "job job_1 failed in phase teacher: no memory (out_of_memory)\n-> less"
    )
    assert str(JobFailed("job_1", "cancelled", None)) == "job job_1 cancelled"
