"""Which tests run: the marks of tests that need much time or a program, in one table; `--fast`, which runs the others.

`pytest -m fuzz` runs one kind. A new file in `tests/unit`, `contract` or `makes` is fast unless the table says
otherwise; all fast tests together take at most 20 s on two cores.
"""

from pathlib import Path
from typing import Any

import pytest

from tests import postgres

ROOT = Path(__file__).parents[1]
MARKS = {
    "browser": "in Chromium",
    "fuzz": "many generated inputs",
    "postgres": "on a PostgreSQL server",
    "slow": "processes, waiting, whole ways through the product",
    "timing": "measures how long something takes",
}
FAST = "fast"
TABLE = {
    "tests/audit": "slow",
    "tests/audit/test_export.py": FAST,
    "tests/audit/test_query.py": FAST,
    "tests/bench": "slow",
    "tests/browser": "browser",
    "tests/contract/test_crm_samples.py::test_an_answer_that_breaks_off_is_a_failure_of_the_house": "fuzz",
    "tests/contract/test_neighbours.py": "fuzz",
    "tests/contract/test_pbx.py::test_an_answer_that_was_cut_off_is_unintelligible": "fuzz",
    "tests/deploy": "slow",
    "tests/e2e": "slow",
    "tests/egress": "slow",
    "tests/egress/test_dial.py": FAST,
    "tests/faults": "slow",
    "tests/jobs": "slow",
    "tests/makes/test_asterisk_recordings.py::test_the_running_product_pops_what_was_recorded": "slow",
    "tests/makes/test_freeswitch.py::test_four_thousand_channels_hold_up_no_other_click": "timing",
    "tests/contract/test_recording.py": "slow",
    "tests/makes/test_asterisk_events.py": "slow",
    "tests/makes/test_ringcentral.py::test_bursts_of_clicks_break_no_limit": "slow",
    "tests/makes/test_ringcentral.py::test_an_event_pops_the_call_through_the_running_product": "slow",
    "tests/makes/test_webex.py::test_an_event_pops_the_call_through_the_running_product": "slow",
    "tests/makes/test_yeastar.py::test_an_event_pops_the_call_through_the_running_product": "slow",
    "tests/unit/test_agents_file.py::test_a_large_file_is_read_aside_with_its_old_rows_in_use_meanwhile": "slow",
    "tests/unit/test_histories.py": "fuzz",
    "tests/makes/test_kamailio.py::test_a_thousand_dialogs_are_read_in_a_moment": "timing",
    "tests/makes/test_kamailio_real.py": "slow",
    "tests/makes/test_ozeki.py::test_busy_idle_and_unknown_are_told_apart": "slow",
    "tests/makes/test_ozeki_odd_answers.py::test_five_thousand_calls_are_read_in_well_under_a_second": "timing",
    "tests/makes/test_ozeki_odd_answers.py::test_junk_takes_no_longer_than_it_is_long": "timing",
    "tests/makes/test_ozeki_odd_answers.py::test_more_than_a_phone_system_can_hold_is_refused": "slow",
    "tests/makes/test_asterisk_replay.py": "slow",
    "tests/makes/test_subscriptions.py": "slow",
    "tests/makes/test_voicenter_simulator.py": "slow",
    "tests/makes/test_websockets.py": "slow",
    "tests/makes/test_websockets.py::test_what_a_message_of_3cx_is_about": FAST,
    "tests/makes/test_websockets.py::test_what_a_message_of_yeastar_is_about": FAST,
    "tests/test_advisories.py": "slow",
    "tests/test_scaffold.py::test_a_new_make_passes_the_contract_tests": "slow",
    "tests/unit/test_command_line.py::test_help_and_version_take_little_time": "timing",
    "tests/unit/test_command_line.py::test_the_shell_completes_commands_options_and_values": "slow",
    "tests/unit/test_decoded.py::test_it_takes_no_longer_than_the_body_is_long": "timing",
    "tests/unit/test_fuzz.py": "fuzz",
    "tests/unit/test_switchboard.py::TestAnyDay": "fuzz",
    "tests/web": "slow",
}
"""The mark of a folder, a file or a test; the longest entry that fits counts."""


def mark_of(node: str) -> str:
    """The mark of a node id such as `tests/web/test_api.py::test_it[one]`."""
    fitting = [entry for entry in TABLE if node == entry or node.startswith((f"{entry}/", f"{entry}::", f"{entry}["))]
    return TABLE[max(fitting, key=len)] if fitting else FAST


def marks_of(item: pytest.Item) -> set[str]:
    """All marks of a test; those that Hypothesis feeds are fuzz tests, wherever they are."""
    of_hypothesis = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    fitting = {mark_of(item.nodeid), "fuzz" if of_hypothesis else FAST, "postgres" if _on_postgres(item) else FAST}
    return fitting - {FAST}


def _on_postgres(item: pytest.Item) -> bool:
    params = getattr(getattr(item, "callspec", None), "params", {})
    return "postgres" in getattr(item, "fixturenames", ()) or "postgresql" in params.values()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help=f"only tests without the marks {', '.join(MARKS)}")


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `--fast`, what holds no fast test is not even imported."""
    if not config.getoption("--fast"):
        return None
    node = collection_path.relative_to(ROOT).as_posix()
    has_fast = any(entry.startswith(f"{node}/") and mark == FAST for entry, mark in TABLE.items())
    return None if has_fast or mark_of(node) == FAST else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the tests; leaves out those that are not fast, if asked to, and those on a PostgreSQL that is not there."""
    unwanted = set(MARKS) if config.getoption("--fast") else {"postgres"} if postgres.why_not() else set()
    left_out = []
    for item in items:
        marks = marks_of(item)
        for mark in marks:
            item.add_marker(mark)
        if marks & unwanted:
            left_out.append(item)
    if left_out:
        items[:] = [item for item in items if item not in {*left_out}]
        config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if (reason := postgres.why_not()) and not config.getoption("--fast"):
        terminalreporter.write_line(reason)
