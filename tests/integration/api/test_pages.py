"""Pages for people: they need no network beyond this service, and problems lead to them."""

import re

from fastapi.testclient import TestClient


def test_the_reference_brings_its_own_scripts(client: TestClient) -> None:
    page = client.get("/docs").text

    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    for source in sources:
        assert source.startswith("/")
        assert client.get(source).status_code == 200


def test_a_problems_type_leads_to_its_explanation(client: TestClient) -> None:
    problem = client.get("/v1/jobs/job_nope").json()

    page, anchor = problem["type"].split("#")
    answer = client.get(page)
    assert answer.status_code == 200
    assert f"<tr id={anchor}>" in answer.text
