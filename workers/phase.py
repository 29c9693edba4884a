"""What a phase is, and the folder that holds them all."""

from collections.abc import Callable
from typing import Any

from app.science.registry import FolderRegistry
from workers.context import Context

Phase = Callable[[Context], dict[str, Any]]
"""Reads earlier phases' files from the context, writes its own, returns headline numbers."""

PHASES: FolderRegistry[Phase] = FolderRegistry("workers.phases")
