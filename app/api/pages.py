"""The page that every problem's ``type`` leads to: what each error means and who has to act."""

from html import escape

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from app.domain.errors import ServiceError, catalogue

router = APIRouter(include_in_schema=False)

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .45rem .6rem; border-bottom: 1px solid #e3e3e3; }
tr:target { background: #fff3d6; }
code { font: 0.95em ui-monospace, monospace; }
"""


@router.get("/docs/errors")
def errors() -> HTMLResponse:
    """All errors, each row with its code as anchor."""
    rows = "".join(_row(error) for error in catalogue())
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>adaptnet errors</title>"
        f"<style>{STYLE}</style><h1>Errors</h1>"
        "<p>Every error is a problem (RFC 9457) with <code>detail</code>, <code>remedy</code> and, "
        "where fields are at fault, <code>errors</code>. The owner has to act: <b>user</b> changes "
        "the request, <b>service</b> is us, <b>capacity</b> means try again later.</p>"
        "<table><tr><th>Code<th>Status<th>Meaning<th>Owner<th>Try again</tr>"
        f"{rows}</table></html>"
    )


def _row(error: type[ServiceError]) -> str:
    meaning = escape((error.__doc__ or "").strip().split("\n\n")[0])
    again = "yes" if error.retryable else "no"
    return (
        f"<tr id={error.code}><td><code>{error.code}</code><td>{error.http_status}"
        f"<td>{meaning}<td>{error.owner}<td>{again}</tr>"
    )
