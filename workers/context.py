"""What all jobs of one worker process share: its services, so that connections outlive a job."""

from bridge.services import Services

_services: Services | None = None


def start(services: Services | None) -> None:
    """Make this process one that jobs can run in, or (None) no longer."""
    global _services  # RQ calls jobs by name alone, so what they need must be found from here
    _services = services


def services() -> Services:
    """The services of this process."""
    if _services is None:
        raise RuntimeError("jobs run in a process started by `popbridge worker`")
    return _services
