"""A report as one HTML page that needs nothing else: style, pictures and data lie inside it."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

from app.science.plots.plot import Plot
from app.science.report.outcome import tiles
from app.science.report.section import Document, Section, Table
from app.science.report.sections import sections, title

STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #e2e6ec; --accent: #0072b2; --pale: #f5f7fa; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; line-height: 1.55;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 880px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 20px; letter-spacing: -0.01em; }
h2 { font-size: 20px; margin: 52px 0 12px; padding-top: 18px; border-top: 1px solid var(--line); }
p { margin: 0 0 12px; max-width: 72ch; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; }
.tile { background: var(--pale); border-radius: 10px; padding: 14px 16px; }
.tile b { display: block; font-size: 24px; font-weight: 650; letter-spacing: -0.01em; }
.tile span { color: var(--soft); font-size: 13px; line-height: 1.35; display: block; }
nav { margin: 24px 0 0; color: var(--soft); font-size: 14px; columns: 2; column-gap: 32px; }
nav a { display: block; color: var(--accent); text-decoration: none; padding: 2px 0; }
nav a:hover, figcaption a:hover { text-decoration: underline; }
figure { margin: 20px 0; }
figure img { display: block; width: 100%; height: auto; max-width: 720px; }
figcaption { color: var(--soft); font-size: 14px; max-width: 72ch; margin-top: 6px; }
figcaption a { color: var(--accent); text-decoration: none; white-space: nowrap; }
.scroll { overflow-x: auto; margin: 16px 0; }
table { border-collapse: collapse; font-size: 14px; width: 100%; }
th { text-align: left; color: var(--soft); font-weight: 550; border-bottom: 2px solid var(--line); }
th, td { padding: 7px 12px 7px 0; vertical-align: top; }
td { border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
tr.strong td { font-weight: 650; background: #eef6fb; }
tr.strong td:first-child { box-shadow: inset 3px 0 0 var(--accent); padding-left: 10px; }
td small { display: block; color: var(--soft); font-size: 13px; }
summary { color: var(--accent); cursor: pointer; }
.note { color: var(--soft); font-size: 13px; }
@media (max-width: 620px) { nav { columns: 1; } main { padding: 24px 16px 48px; } }
@media print { nav { display: none; } figure, tr { break-inside: avoid; } }
"""


def page(report: Document, plots: Sequence[Plot]) -> str:
    """The whole page. A picture is shown where a section asks for it, or else at the end."""
    parts = list(sections(report))
    asked = {name for part in parts for name in (*part.figures, *part.closer)}
    others = tuple(plot.name for plot in plots if plot.name not in asked)
    if others:
        parts.append(Section("More pictures", figures=others))
    by_name = {plot.name: plot for plot in plots}
    name = escape(title(report))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}</title><style>{STYLE}</style></head><body><main>\n<h1>{name}</h1>\n"
        f"{_tiles(report)}\n{_contents(parts)}\n"
        + "\n".join(_section(index, part, by_name) for index, part in enumerate(parts))
        + "\n</main></body></html>\n"
    )


def _tiles(report: Document) -> str:
    shown = "".join(
        f'<div class="tile"><b>{escape(tile.value)}</b><span>{escape(tile.label)}</span></div>'
        for tile in tiles(report)
    )
    return f'<div class="tiles">{shown}</div>'


def _contents(parts: Iterable[Section]) -> str:
    links = "".join(
        f'<a href="#s{index}">{escape(part.title)}</a>' for index, part in enumerate(parts)
    )
    return f"<nav>{links}</nav>"


def _section(index: int, part: Section, plots: dict[str, Plot]) -> str:
    inside = [
        f'<section><h2 id="s{index}">{escape(part.title)}</h2>',
        *(f"<p>{escape(text)}</p>" for text in part.paragraphs),
        *(_figure(plots[name]) for name in part.figures if name in plots),
        *(_table(table) for table in part.tables),
        _closer([_figure(plots[name]) for name in part.closer if name in plots]),
        "</section>",
    ]
    return "\n".join(inside)


def _closer(figures: Sequence[str]) -> str:
    if not figures:
        return ""
    return f"<details><summary>A closer look</summary>{''.join(figures)}</details>"


def _figure(plot: Plot) -> str:
    picture = base64.b64encode(plot.svg).decode()
    numbers = base64.b64encode(plot.csv.encode()).decode()
    return (
        f'<figure id="{escape(plot.name)}">'
        f'<img alt="{escape(plot.caption)}" src="data:image/svg+xml;base64,{picture}">'
        f"<figcaption>{escape(plot.caption)} "
        f'<a download="{escape(plot.name)}.csv" href="data:text/csv;base64,{numbers}">'
        "the numbers (CSV)</a></figcaption></figure>"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in table.headings)
    body = "".join(_row(row, index in table.strong) for index, row in enumerate(table.rows))
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"</div>{note}"
    )


def _row(cells: Sequence[str], is_strong: bool) -> str:
    inside = "".join(f"<td>{_cell(cell)}</td>" for cell in cells)
    return f'<tr class="strong">{inside}</tr>' if is_strong else f"<tr>{inside}</tr>"


def _cell(text: str) -> str:
    first, *more = text.split("\n")
    return escape(first) + "".join(f"<small>{escape(line)}</small>" for line in more)
