"""Downloads: streamed from the store, with ETag, conditional requests and one byte range.

Every byte that leaves belongs to a file whose checksum was verified in the same reading. Where
that fails under way, the connection breaks before the last piece: no client takes it for whole.
"""

import re
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from app.domain.errors import RangeNotSatisfiable
from app.services import blobs

RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")
MEDIA_TYPES = {
    "json": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
    "csv": "text/csv; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "mmpkg": "application/zip",
}

ANY_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The bytes of the file",
        "content": {"*/*": {}},
    }
}
"""The ``responses=`` of a route that serves files of any kind."""


def serve(request: Request, file: dict[str, Any], filename: str) -> Response:
    """The file, a part of it, or 304 where the caller has it already."""
    etag = f'"{file["sha256"]}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{filename}"',
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    size = int(file["size"])
    start, end = _range(request, size, etag)
    partial = (start, end) != (0, size)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    media_type = MEDIA_TYPES.get(filename.rpartition(".")[2], "application/octet-stream")
    status = 206 if partial else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    body = blobs.stream(file, start, end)
    return StreamingResponse(body, status, headers, media_type)


def _range(request: Request, size: int, etag: str) -> tuple[int, int]:
    """Start and end (exclusive). Several ranges or another form count as none (RFC 9110)."""
    match = RANGE.match(request.headers.get("range", ""))
    outdated = request.headers.get("if-range", etag) != etag
    if match is None or outdated or match.group() == "bytes=-":
        return 0, size
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        raise RangeNotSatisfiable(
            f"the file has {size} bytes", remedy="ask for a range inside it", size_bytes=size
        )
    return start, end
