"""How many files this process may have open: connections count too. A process that has none left can accept nobody."""

import logging
import resource

log = logging.getLogger(__name__)

FEW = 1024
RESERVED = 512
"""Files for everything but connections of clients: Redis, phone systems, CRMs, the archive, files."""


def take_all() -> None:
    """Raise the limit to the most that this process may have, and log a warning if that is little."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if 0 <= most < FEW:
        log.warning("only %d files may be open here: raise `ulimit -n` (LimitNOFILE in systemd) to %d", most, FEW)


def for_connections() -> int:
    """How many connections of clients there may be at once; half of the files where there are few."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return most - min(RESERVED, most // 2)
