"""The command ``adaptnet``: one file a group of commands.

Starts with the base install: what a command needs beyond typer and rich it imports when it runs.
"""

from app.cli.application import main

__all__ = ["main"]
