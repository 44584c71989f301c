"""An installation on paper: its accounts, agents and addresses, as the files they become. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bridge.agents.directory import COLUMNS
from bridge.config.writing import table_text
from bridge.connect.draft import FOLDER, Draft, secret_files

HEAD = """\
# Every key: deploy/settings.md, and the guide of each make. `popbridge check` reports all configuration errors.
"""
IN_FILES = "# Secrets stand in files of their own beside this one, which only their owner can read.\n"
DATA = '\ndata_dir = "var"\n'


@dataclass(frozen=True, slots=True)
class Agent:
    """A row of the agents' file. `pop`: what makes a popup, "" for the button alone."""

    crm_user: str
    extension: str
    name: str = ""
    pop: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """One phone system, one CRM, the agents of both."""

    pbx: Draft
    crm: Draft
    agents: Sequence[Agent] = ()
    public_url: str = "http://127.0.0.1:8080"
    port: int = 8080
    private_networks: Sequence[str] = ()
    dids: dict[str, str] = field(default_factory=dict)

    def files(self, settings: Path) -> dict[Path, str]:
        """Every file by its place; the settings last: who finds them finds all of it."""
        folder = settings.parent
        secrets = {folder / FOLDER / name: f"{text}\n" for name, text in secret_files([self.pbx, self.crm]).items()}
        return {**secrets, folder / "agents.csv": self.rows(), settings: self.settings()}

    def settings(self, in_full: bool = False) -> str:
        """popbridge.toml; `in_full`: with the secrets in it."""
        server: dict[str, object] = {"host": "127.0.0.1", "port": self.port, "public_url": self.public_url}
        if self.private_networks:
            server["private_networks"] = list(self.private_networks)
        head = HEAD + ("" if in_full else IN_FILES) + DATA
        parts = [head, table_text("server", server), table_text("agents", {"file": "agents.csv"})]
        parts += [one.in_full() if in_full else one.section() for one in (self.pbx, self.crm)]
        return "\n".join([*parts, table_text("dids", self.dids)] if self.dids else parts)

    def rows(self) -> str:
        """agents.csv."""
        mine = [(self.crm.name, one.crm_user, self.pbx.name, one.extension, one.name, one.pop) for one in self.agents]
        return table_of_rows((*COLUMNS, "pop"), mine)


def table_of_rows(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """CSV, the header first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
