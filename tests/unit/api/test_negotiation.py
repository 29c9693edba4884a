"""The header Accept picks a format by its weights."""

import pytest

from app.api.negotiation import chosen
from app.domain.errors import FormatNotAvailable

FORMATS = {"json": "application/json", "html": "text/html", "markdown": "text/markdown"}


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("application/json", "json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "html"),
        ("text/*", "html"),
        ("text/markdown, text/html;q=0.5", "markdown"),
        ("text/html;q=0.1, application/json", "json"),
        ("text/html;q=0, */*", "json"),
        ("TEXT/HTML", "html"),
        ("text/html;q=much, text/markdown", "markdown"),
    ],
)
def test_the_heaviest_range_wins(accept: str, wanted: str) -> None:
    assert chosen(accept, FORMATS) == wanted


@pytest.mark.parametrize("accept", ["application/pdf", "text/html;q=0", "image/*"])
def test_nothing_acceptable_is_refused_with_what_there_is(accept: str) -> None:
    with pytest.raises(FormatNotAvailable) as refused:
        chosen(accept, FORMATS)
    assert "text/markdown" in str(refused.value.remedy)
