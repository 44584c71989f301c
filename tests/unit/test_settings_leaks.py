"""No secret of the settings in what they print, nor in any error, nor after a slip of the hand."""

from pathlib import Path

from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bridge.core.errors import SettingsError
from tests.unit.settings_files import CODE, MISTAKEN, PASSWORD, TOKEN, WHOLE, WHSEC, Write, leaks, load, problems


def test_no_secret_in_what_settings_print(write: Write) -> None:
    settings = load(write(WHOLE))
    printed = [repr(settings), str(settings), f"{settings}", repr(settings.model_dump()), str(settings.crm["acme"])]
    assert leaks("\n".join(printed)) == []


def test_no_secret_in_an_error_of_any_kind(write: Write) -> None:
    told = problems(write(MISTAKEN.replace("[crm.gamma]", f'[crm.gamma]\nkind = "webhook"\nclick_tokne = "{TOKEN}"')))
    told += problems(write(WHOLE.replace("popup_secrets", "popup_secret").replace("click_token", "token")))
    told += problems(write(WHOLE.replace(f'"{CODE}"', f'["{CODE}"]').replace(f'"{TOKEN}"', f'{{t = "{TOKEN}"}}')))
    told += problems(write(WHOLE.replace("redis://", "").replace("postgresql+psycopg://", "")))
    told += problems(write(WHOLE.replace("https://crm", f"ftp://u:{PASSWORD}@crm")))
    told.append(_printed(write(WHOLE.replace("https://crm", f"https://u:{PASSWORD}@crm"))))
    told += problems(write(WHOLE.replace(WHSEC[0], WHSEC[0] * 4)))
    assert leaks("\n".join(told)) == []


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(position=st.integers(0, len(WHOLE)), cut=st.integers(0, 12), put=st.text("\"'[]{}=.,\\\n\x00é☃ #", max_size=3))
@example(position=WHOLE.index(CODE), cut=0, put='"')
@example(position=WHOLE.index(CODE) - 1, cut=1, put="")
@example(position=WHOLE.index(TOKEN) - 1, cut=1, put="\\")
def test_a_slip_of_the_hand_shows_no_secret(write: Write, position: int, cut: int, put: str) -> None:
    assert leaks(_printed(write(WHOLE[:position] + put + WHOLE[position + cut :]))) == []


def _printed(file: Path) -> str:
    try:
        return repr(load(file))
    except SettingsError as error:
        return str(error)
