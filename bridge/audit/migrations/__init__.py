"""Bringing the archive's tables up to this version: each step is a file in `versions`, run by alembic."""

from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from bridge.core.errors import ArchiveUnfit
from bridge.core.reasons import Reason

HEAD = "head"
NEWER = Reason("found-archive-newer")


def upgrade(connection: Connection, target: str = HEAD) -> None:
    """Run the missing steps up to `target` in the caller's transaction. Raises `ArchiveUnfit` on a newer archive."""
    steps = ScriptDirectory(str(Path(__file__).parent))

    def missing(revision: Any, _: object) -> Any:
        return steps._upgrade_revs(target, revision)

    context = MigrationContext.configure(connection, opts={"fn": missing})
    try:
        with Operations.context(context):
            context.run_migrations()
    except CommandError:
        raise ArchiveUnfit(str(NEWER)) from None
