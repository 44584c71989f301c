"""popbridge: every command, and the module that each one is in. Nothing else is imported until a command is run."""

import io
import logging
import sys

import click

from bridge import __version__
from bridge.cli.lazy import LazyGroup, Verb

COMMANDS = {
    "init": Verb("init:init", "Set up popbridge: ask what is needed, test each answer, write the settings."),
    "up": Verb("run:up", "Run web and worker, and an embedded Redis if there is no [redis] url."),
    "serve": Verb("run:serve", "Run one web process."),
    "worker": Verb("run:worker", "Run one worker process."),
    "check": Verb("check:check", "Check the settings and the agents file, and report all configuration errors."),
    "doctor": Verb("doctor:doctor", "Test every dependency and print the fix for each problem."),
    "health": Verb("health:health", "Check whether the web process of this machine runs; for containers."),
    "lookup": Verb("lookup:lookup", "Show the calls on EXTENSION now, and which one a popup would show and why."),
    "queues": Verb("lookup:queues", "Show the callers waiting in the phone system's queues, or in QUEUE (its id)."),
    "record": Verb("record:record", "Write what a phone system answers as samples, with numbers and names replaced."),
    "push-test": Verb("doctor:push_test", "Send CRM a test event in the way popups are sent, and show its answer."),
    "button": Verb("button:button", "Print the button for CRM, ready to paste."),
    "simulate": Verb("simulate:simulate", "Run a simulated phone system and CRM, and print settings for them."),
    "clicks": Verb("clicks:clicks", "List clicks, refused ones too, newest first: why was there no popup?"),
    "click": Verb("clicks:click_", "Show one click: request, phone system's answer, chosen call, each delivery."),
}
TOKEN = {
    "create": Verb("tokens:create", "Create a token, which is shown only once."),
    "list": Verb("tokens:list_", "List the tokens that have not expired."),
    "revoke": Verb("tokens:revoke", "Revoke a token immediately."),
}
DELIVERIES = {
    "list": Verb("deliveries:list_", "List the deliveries of the last three days, newest first."),
    "show": Verb("deliveries:show_", "Show one delivery with every attempt."),
    "retry": Verb("deliveries:retry", "Send a failed or expired delivery again, marked as a retry."),
}
AUDIT = {
    "list": Verb("audit_read:list_", "List lookups, newest first."),
    "show": Verb("audit_read:show_", "Show one click: request, chosen call and why, each delivery, seen or not."),
    "export": Verb("audit_read:export_", "Export all lookups that match, newest first."),
    "access-log": Verb(
        "audit_read:accesses", "List who read the log or was shown callers, what was erased or deleted."
    ),
    "acts": Verb("audit_read:accesses", "Former name of access-log.", hidden=True),
    "verify": Verb("audit_keep:verify_", "Verify that no log entry was changed, removed, moved or inserted."),
    "erase": Verb("audit_person:erase_", "Erase a person from cache, streams, deliveries and log; print a receipt."),
    "backup": Verb("audit_keep:backup_", "Copy the log to FILE while it is in use."),
}
RULES = {
    "test": Verb("rules:test_rules", "Show which rule would decide about a call, and what it would do."),
}
PRIVACY = {
    "export": Verb("audit_person:export_", "Print everything that is stored about a person, as JSON."),
}


@click.group(cls=LazyGroup, verbs=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """popbridge: a click in the CRM shows the caller's popup."""
    logging.captureWarnings(True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a name shows its codes


main.add_command(LazyGroup("token", verbs=TOKEN, help="Bearer tokens for the API and the pages."))
main.add_command(LazyGroup("deliveries", verbs=DELIVERIES, help="Popups and how they were delivered."))
main.add_command(LazyGroup("audit", verbs=AUDIT, help="The audit log: who looked up whom."))
main.add_command(LazyGroup("rules", verbs=RULES, help="Which calls pop up, where to, and under which label."))
main.add_command(LazyGroup("privacy", verbs=PRIVACY, help="What is stored about a person."))
