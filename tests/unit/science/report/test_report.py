"""The page and the text of a report: whole, with holes, safe, and seen by a browser."""

import base64
import doctest
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.science.report import section
from app.science.report.markdown import markdown
from app.science.report.page import page
from app.science.report.sections import ORDER, sections
from tests.unit.science.report.documents import REPORT, plot

PLOTS = [plot("error_against_time"), plot("two_nn_line"), plot("of_a_new_kind")]
BROWSER = shutil.which("chromium")
TITLES = [
    "In short",
    "How does it compare with what you would have trained instead?",
    "How good are single predictions?",
    "How many numbers describe a row?",
    "Is the target smooth, or does it jump?",
    "Which network follows from the data, and why?",
    "How was it made without SGD?",
    "What would more rows bring?",
    "What are the data?",
    "Where did the time go?",
]


class Seen(HTMLParser):
    """Headings, links and sources of a page; tags that are not closed are left on the stack."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.stack: list[str] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_sections_come_in_their_order() -> None:
    assert [part.title for part in sections(REPORT)] == TITLES


@pytest.mark.parametrize(
    ("missing", "n_sections"),
    [
        *(("evaluate", 2), ("dimension", 1), ("structure", 1), ("architecture", 1)),
        *(("transfer", 1), ("forecast", 1), ("profile", 1), ("correct", 0), ("certify", 0)),
    ],
)
def test_what_was_not_measured_is_left_out(missing: str, n_sections: int) -> None:
    report = {key: value for key, value in REPORT.items() if key != missing}
    shown = [part.title for part in sections(report)]

    assert Seen(page(report, PLOTS)).stack == []
    assert shown == [title for title in TITLES if title in shown]
    assert len(shown) == len(TITLES) - n_sections


@pytest.mark.parametrize("kind", [("dimension",), ("dimension", "architecture"), ()])
def test_every_kind_of_job_has_a_report(kind: tuple[str, ...]) -> None:
    summary = {"n_rows": 100}
    report = {"summary": summary, "seconds": {}, **{name: REPORT[name] for name in kind}}

    assert "100" in "".join(Seen(page(report, [])).text)
    assert len(sections(report)) == 2 + len(kind)


def test_the_page_needs_nothing_but_itself_and_is_well_formed() -> None:
    seen = Seen(page(REPORT, PLOTS))

    assert seen.stack == []
    assert "script" not in seen.tags
    assert all(source.startswith(("data:", "#")) for source in seen.sources)


def test_names_of_columns_are_text_and_never_markup() -> None:
    html = page(REPORT, PLOTS)

    assert "<price>" not in html
    assert "&lt;price&gt; &amp; co" in html


def test_each_picture_brings_its_numbers_and_none_is_lost() -> None:
    html = page(REPORT, PLOTS)
    numbers = re.findall(r'download="(\w+)\.csv" href="data:text/csv;base64,([^"]+)"', html)

    assert {name for name, _ in numbers} == {made.name for made in PLOTS}
    assert {base64.b64decode(data).decode() for _, data in numbers} == {"x,y\n1,2\n"}
    assert html.index("More pictures") < html.index("About of_a_new_kind.")


def test_our_row_is_set_apart_and_the_best_comes_first() -> None:
    html = page(REPORT, PLOTS)
    rows = re.findall(r'<tr class="strong"><td>([^<]+)', html)

    assert rows == ["Motif Mimicry"]
    assert (
        html.index("<td>Motif Mimicry") < html.index("<td>the Adam MLP") < html.index("<td>ridge")
    )
    assert "the teacher</td>" not in html
    assert "+0.2 (0.1 to 0.3), worse" in html


def test_the_text_says_the_same() -> None:
    text = markdown(REPORT, PLOTS)

    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == TITLES
    assert "The Adam MLP never became as good as our network" in text
    assert "m grows \\| with n<br>theorem 7" in text
    assert "![About two_nn_line.](two_nn_line.svg)" in text
    assert "Careful: few rows." in text


def test_a_forecast_and_a_verdict_stand_in_short() -> None:
    shown = ORDER[0](REPORT)
    assert shown is not None
    assert REPORT["forecast"]["sentence"] in shown.paragraphs
    assert REPORT["evaluate"]["summary"] + "." in shown.paragraphs


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(section).failed == 0


@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_a_browser_shows_it(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(page(REPORT, PLOTS), encoding="utf-8")
    shot = tmp_path / "page.png"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=900,1400"]
    subprocess.run(
        [str(BROWSER), *options, f"--screenshot={shot}", (tmp_path / "report.html").as_uri()],
        check=True,
        capture_output=True,
        timeout=60,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )

    blank = 8_000  # bytes of an empty window of this size
    assert shot.read_bytes().startswith(b"\x89PNG")
    assert shot.stat().st_size > 2 * blank
