"""``manifest.json``: the format's version, and the size and SHA-256 of every other file.

Its own digest covers its own content, so that it names the whole package in one line.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.science.export import documents
from app.science.export.errors import PackageError

FORMAT = "mmpkg/1"
MEDIA_FORMAT = "mmpkg-media/1"
"""Of models that read images or point sets: run by ONNX Runtime, see ``media_runtime``."""
MEDIA_HINT = "; a model of images or point sets is loaded by media_runtime, or load_media"
NAME = "manifest.json"

PARTS = (
    "architecture.json",
    "weights.safetensors",
    "preprocess.json",
    "model.onnx",
    "selftest.json",
    "selftest.safetensors",
    "provenance.json",
    "evidence.json",
    "card.md",
    "card.json",
    "NOTICE",
)
"""Every file beside the manifest, in the order of the zip."""

MEDIA_PARTS = tuple(p for p in PARTS if p not in ("architecture.json", "weights.safetensors"))
PARTS_OF = {FORMAT: PARTS, MEDIA_FORMAT: MEDIA_PARTS}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a package says of itself."""

    target_name: str
    digest: str


def build(files: Mapping[str, bytes], *, target_name: str, form: str = FORMAT) -> bytes:
    """The manifest over the finished files."""
    content = {
        "format": form,
        "target": target_name,
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
        },
    }
    return documents.write({**content, "digest": _digest(content)})


def form_of(files: Mapping[str, bytes]) -> str:
    """Which format a package says it has; empty where it says nothing."""
    return str(documents.read(NAME, files[NAME]).get("format")) if NAME in files else ""


def check(files: Mapping[str, bytes], form: str = FORMAT) -> Manifest:
    """Compare all files of a package with its manifest.

    Raises
    ------
    PackageError
        Another version, a file too many or missing, or a size or hash that differs.
    """
    if NAME not in files:
        raise PackageError(NAME, "is missing, so this is no model package")
    document = documents.read(NAME, files[NAME])
    version = document.pop("format", None)
    if version != form:
        other = MEDIA_HINT if version == MEDIA_FORMAT else ""
        raise PackageError(NAME, f"format is {version!r:.40}, this reader knows {form!r}{other}")
    digest = str(document.pop("digest", ""))
    if not hmac.compare_digest(digest.encode(), _digest({"format": form, **document}).encode()):
        raise PackageError(NAME, "was changed: its digest differs")
    present, parts = set(files) - {NAME}, PARTS_OF[form]
    for name in sorted(present ^ set(parts)):
        raise PackageError(name, "is missing" if name in parts else "does not belong to a package")
    listed = document.get("files")
    for name in parts:
        _check_file(name, files[name], listed.get(name) if isinstance(listed, dict) else None)
    return Manifest(target_name=str(document.get("target", "")), digest=digest)


def _check_file(name: str, data: bytes, listed: object) -> None:
    if not isinstance(listed, dict):
        raise PackageError(name, "is not listed in the manifest")
    if listed.get("bytes") != len(data):
        raise PackageError(name, f"has {len(data)} bytes, the manifest says {listed.get('bytes')}")
    if listed.get("sha256") != hashlib.sha256(data).hexdigest():
        raise PackageError(name, "was changed: its SHA-256 differs from the manifest")


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(documents.write(content)).hexdigest()
