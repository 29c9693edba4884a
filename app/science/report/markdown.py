"""A report as Markdown. Pictures are named as the job's files, beside which the text lies."""

from collections.abc import Iterator, Sequence

from app.science.plots.plot import Plot
from app.science.report.section import Document, Section, Table
from app.science.report.sections import sections, title


def markdown(report: Document, plots: Sequence[Plot]) -> str:
    """The whole text."""
    by_name = {plot.name: plot for plot in plots}
    blocks = [f"# {title(report)}"]
    for part in sections(report):
        blocks += _section(part, by_name)
    return "\n\n".join(blocks) + "\n"


def _section(part: Section, plots: dict[str, Plot]) -> Iterator[str]:
    yield f"## {part.title}"
    yield from part.paragraphs
    for name in (*part.figures, *part.closer):
        if name in plots:
            caption = plots[name].caption
            yield f"![{caption}]({name}.svg)\n\n{caption} [The numbers]({name}.csv)"
    yield from (_table(table) for table in part.tables)


def _table(table: Table) -> str:
    lines = [
        _row(table.headings),
        _row(["---"] * len(table.headings)),
        *(
            _row([f"**{cell}**" if cell else "" for cell in row] if index in table.strong else row)
            for index, row in enumerate(table.rows)
        ),
    ]
    return "\n".join(lines) + (f"\n\n{table.note}" if table.note else "")


def _row(cells: Sequence[str]) -> str:
    return (
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells) + " |"
    )
