"""What the settings say of the way out: which addresses may be dialled, whom to trust, what can never be reached."""

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from bridge.config.models import CrmAccount, PbxAccount, Section, Settings
from bridge.egress.allowed_addresses import Reach, named_by

NEVER_REACHED = (
    "its host can never be reached: it is link-local, a cloud's metadata, or a private address that [server]"
    " private_networks does not name"
)


def reach_of(settings: Settings) -> Reach:
    """The addresses that may be dialled: public ones, and those that the settings name."""
    return Reach([*settings.server.private_networks, *named_by(settings.addresses())])


def trusting(ca_file: Path | None = None) -> ssl.SSLContext:
    """The system's certificate authorities (OpenSSL's, or those of SSL_CERT_FILE and SSL_CERT_DIR), and those in
    `ca_file`. Raises OSError, which `ssl.SSLError` is too, where that has none."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def problems(settings: Settings) -> Iterator[str]:
    """What can be known to fail, a line each without the file's name."""
    if settings.outgoing.ca_file is not None:
        try:
            trusting(settings.outgoing.ca_file)
        except OSError as error:
            why = "it has no certificates in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
            yield f"outgoing.ca_file: {settings.outgoing.ca_file} cannot be used: {why}"
    yield from _never_reached(reach_of(settings), "pbx", settings.pbx)
    yield from _never_reached(reach_of(settings), "crm", settings.crm)


def _never_reached(reach: Reach, group: str, accounts: Mapping[str, PbxAccount | CrmAccount]) -> Iterator[str]:
    for name, account in accounts.items():
        for url in account.addresses():
            if reach.refuses(urlsplit(url).hostname or ""):
                yield f"{group}.{name}.{_key_of(account, url)}: {NEVER_REACHED}"


def _key_of(account: Section, url: str) -> str:
    return next((key for key, value in dict(account).items() if value == url), "base_url")
