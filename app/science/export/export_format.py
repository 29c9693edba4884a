"""What an export format is, and the folder that holds them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.science.export.trained_model import TrainedModel
from app.science.registry import FolderRegistry


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One way to hand out a trained model.

    ``safe`` : reading such a file never runs code from it.
    """

    media_type: str
    suffix: str
    safe: bool
    write: Callable[[TrainedModel, Path], None]


FORMATS: FolderRegistry[ExportFormat] = FolderRegistry("app.science.export.formats")
