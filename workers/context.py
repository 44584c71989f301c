"""What all jobs of one worker process share: its kit, so that connections outlive a job."""

from bridge.services import Kit

_kit: Kit | None = None


def start(kit: Kit | None) -> None:
    """Make this process one that jobs can run in, or (None) no longer."""
    global _kit  # RQ calls jobs by name alone, so what they need must be found from here
    _kit = kit


def kit() -> Kit:
    """The kit of this process."""
    if _kit is None:
        raise RuntimeError("jobs run in a process started by `popbridge worker`")
    return _kit
