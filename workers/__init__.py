"""The second door: the RQ worker process and its jobs, one module per job."""
