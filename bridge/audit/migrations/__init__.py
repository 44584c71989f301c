"""Bringing the archive's tables up to this version: each step is a file in `versions`, and alembic runs them."""

from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from bridge.core.errors import ArchiveUnfit

NEWER = "the audit archive was made by a newer popbridge: run that version, or restore a backup of before"


def upgrade(connection: Connection) -> None:
    """Run the steps that are missing, within the caller's transaction. Raises `ArchiveUnfit` on a newer archive."""
    steps = ScriptDirectory(str(Path(__file__).parent))

    def missing(revision: Any, _: object) -> Any:
        return steps._upgrade_revs("head", revision)

    context = MigrationContext.configure(connection, opts={"fn": missing})
    try:
        with Operations.context(context):
            context.run_migrations()
    except CommandError:
        raise ArchiveUnfit(
            "the audit archive was made by a newer popbridge: run that version, or restore a backup"
        ) from None
