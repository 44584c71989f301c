"""Logs, traces, heartbeats."""
