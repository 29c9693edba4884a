"""The published contract is valid, and complete where generated clients need it."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from app.api.problems import MEDIA_TYPE
from app.domain.catalog import PUBLIC
from app.main import create_app


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app().openapi()


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [op for operations in document["paths"].values() for op in operations.values()]


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_every_operation_has_a_name_of_its_own_and_a_description(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document)]

    assert len(names) == len(set(names))
    assert all(operation.get("description") for operation in operations(document))


def test_every_error_is_described_as_a_problem(document: dict[str, Any]) -> None:
    for operation in operations(document):
        for status, response in operation["responses"].items():
            if status == "default" or status[0] in "45":
                schema = response["content"][MEDIA_TYPE]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, operation
    assert "remedy" in document["components"]["schemas"]["Problem"]["properties"]


def test_a_job_has_an_example_of_each_kind(document: dict[str, Any]) -> None:
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]

    assert set(body["examples"]) == set(PUBLIC)
