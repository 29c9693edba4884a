"""Downloads that go on where they broke off, and are checked before they get their name."""

import hashlib
import time
from pathlib import Path

import httpx

from app.client.errors import ApiError, ConnectionFailed, DownloadDamaged
from app.client.transport import Call, Transport


def fetch(transport: Transport, link: str, path: Path, *, sha256: str) -> Path:
    """Write what is behind ``link`` to ``path``; a partial file beside it is continued.

    Raises ``DownloadDamaged`` when the finished bytes do not have this SHA-256; then nothing is
    left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{sha256[:8]}.part")
    for attempt in range(1, transport.patience.attempts + 1):
        if _append(transport, link, partial, sha256):
            break
        time.sleep(transport.patience.pause(attempt))
    else:
        raise ConnectionFailed(f"{link} breaks off again and again; call again to go on")
    found = _digest(partial)
    if found != sha256:
        partial.unlink()
        raise DownloadDamaged(f"{path.name} has SHA-256 {found}, announced was {sha256}; try again")
    partial.replace(path)
    return path


def _append(transport: Transport, link: str, partial: Path, sha256: str) -> bool:
    """Ask for the rest; true if all of it came. ``If-Range`` starts over if the file changed."""
    have = partial.stat().st_size if partial.exists() else 0
    if have and _digest(partial) == sha256:
        return True
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": f'"{sha256}"'}
    try:
        with transport.stream(Call("GET", link, headers=headers)) as answer:
            resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
            with partial.open("ab" if resumed else "wb") as file:
                for chunk in answer.iter_raw():  # no chunk size: that would hold bytes back
                    file.write(chunk)
    except httpx.TransportError:
        return False
    except ApiError as error:
        if error.status != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        partial.unlink()  # longer than the file: not a part of it
        return False
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
