"""Which of several formats a caller wants: by ``?format=``, or by the header ``Accept``."""

from collections.abc import Mapping

from app.domain.errors import FormatNotAvailable


def chosen(accept: str, media_types: Mapping[str, str]) -> str:
    """The format of highest weight in an Accept header (RFC 9110); the first one for ``*/*``.

    Parameters
    ----------
    media_types : format to media type, the default first

    Raises
    ------
    FormatNotAvailable
        The header accepts none of them.
    """
    weighted = [_range(part) for part in (accept or "*/*").split(",")]
    for media_range, weight in sorted(weighted, key=lambda item: -item[1]):
        for name, media_type in media_types.items():
            if weight > 0.0 and _matches(media_range, media_type):
                return name
    raise FormatNotAvailable(
        f"this document does not exist as {accept!r}",
        remedy=f"accept one of {', '.join(media_types.values())}, or pass ?format=",
    )


def _range(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip() for piece in part.split(";"))
    weights = [p.removeprefix("q=") for p in parameters if p.startswith("q=")]
    try:
        return media_range.lower(), float(weights[0]) if weights else 1.0
    except ValueError:
        return media_range.lower(), 0.0


def _matches(media_range: str, media_type: str) -> bool:
    kind, _, subtype = media_range.partition("/")
    its_kind, _, its_subtype = media_type.partition("/")
    return kind in ("*", its_kind) and subtype in ("*", its_subtype)
