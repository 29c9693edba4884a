"""Names of blobs: relative paths of plain segments, the same for a folder and a bucket."""

import re

MAX_KEY_BYTES = 900  # S3 allows 1024 with the prefix; a Linux path 4096

_SEGMENT = re.compile(r"[A-Za-z0-9_=@+-][A-Za-z0-9._=@+-]{0,199}")


def checked(key: str) -> str:
    """Return ``key`` unchanged, or raise ``ValueError``.

    Refused are absolute paths, empty segments, segments that begin with a dot (so ``..`` too) and
    every character that needs escaping somewhere.
    """
    segments = key.split("/")
    if len(key) > MAX_KEY_BYTES or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise ValueError(f"{key!r} is no blob key: wanted segments of A-Z a-z 0-9 . _ = @ + -")
    return key
