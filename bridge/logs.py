"""Where log lines go. Called once by each process; never at import."""

import logging

QUIET = ("httpx", "rq", "rq.worker", "rq.queue", "rq.job", "rq.scheduler", "uvicorn.error")


def start(level: int = logging.INFO) -> None:
    """Log to standard error. The libraries' own chatter is cut to warnings."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
