"""The bytes of an answer become text whatever encoding they have, and whatever they say they have."""

import time
from encodings.aliases import aliases

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.pbx.reading import decoded

RUTH = '{"name": "רות לוי – שלום"}'
PROLOG = '<?xml version="1.0" encoding="{}"?><a>רות לוי</a>'
MIB = 1024 * 1024


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "windows-1255"], ids=str
)
@pytest.mark.parametrize("content_type", ["", "application/json", "text/xml; charset=utf-8", "x/y; charset=utf-16"])
def test_what_carries_its_encoding_or_none_is_read(encoding: str, content_type: str) -> None:
    assert decoded(RUTH.encode(encoding), content_type) == RUTH


def test_utf_16_big_endian_with_a_mark_is_read() -> None:
    assert decoded(b"\xfe\xff" + RUTH.encode("utf-16-be")) == RUTH


@pytest.mark.parametrize("declared", ["windows-1255", "cp1255", "utf-8", "utf-16", "no-such-encoding", "utf-7"])
@pytest.mark.parametrize("real", ["utf-8", "windows-1255"])
def test_what_the_prolog_says_is_believed_only_where_it_fits(declared: str, real: str) -> None:
    text = PROLOG.format(declared)
    assert decoded(text.encode(real), "application/xml") == text


@pytest.mark.parametrize(
    ("text", "encoding", "content_type"),
    [
        ("Kovács Győző", "iso-8859-2", "text/xml; charset=ISO-8859-2"),
        ("Kovács Győző", "windows-1250", 'text/xml; Charset = "windows-1250"'),
        ("רות לוי", "iso-8859-8", "text/xml;charset=iso-8859-8"),
        ("Иван", "koi8-r", "text/xml; charset=koi8-r"),
        ("רות לוי", "cp862", "text/xml; charset=cp862"),
    ],
)
def test_other_encodings_of_one_byte_are_read_as_declared(text: str, encoding: str, content_type: str) -> None:
    assert decoded(text.encode(encoding), content_type) == text
    prolog = f'<?xml version="1.0" encoding="{encoding}"?>'
    assert decoded((prolog + text).encode(encoding)) == prolog + text


def test_the_header_goes_before_the_prolog() -> None:
    text = '<?xml version="1.0" encoding="windows-1255"?><a>Győző</a>'
    assert decoded(text.encode("windows-1250"), "text/xml; charset=windows-1250") == text


def test_utf_8_is_utf_8_though_the_server_says_latin_as_servers_do() -> None:
    assert decoded(RUTH.encode(), "text/xml; charset=ISO-8859-1") == RUTH


def test_each_name_of_a_mixed_answer_is_read_in_its_own_encoding() -> None:
    body = '["רות", "'.encode() + "נועה".encode("windows-1255") + '", "日本"]'.encode()
    assert decoded(body) == '["רות", "נועה", "日本"]'


def test_a_byte_that_the_declared_encoding_does_not_have_spoils_itself_alone() -> None:
    body = "Győző ".encode("windows-1250") + b"\x81" + " Ágnes".encode("windows-1250")
    assert decoded(body, "text/xml; charset=windows-1250") == "Győző \ufffd Ágnes"


@given(body=st.binary(max_size=200), content_type=st.text(max_size=60))
@example(body=b"\xed\xa0\x80", content_type="")
@example(body=b"\xff\xfe\x00\xd8", content_type="")
@example(body=b"\xe9", content_type="charset=\u0130")
@example(body=b"\xe9", content_type="charset=..")
@example(body=b"\xe9", content_type="charset=rot13")
def test_any_bytes_become_a_text_that_can_be_written_again(body: bytes, content_type: str) -> None:
    decoded(body, content_type).encode()


names_of_encodings = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", max_size=12)


@given(name=names_of_encodings | st.sampled_from(sorted(set(aliases.values()) | {"mbcs", "oem", "idna", "undefined"})))
def test_whatever_encoding_is_named_a_text_comes_of_it(name: str) -> None:
    decoded(b"\xe9\x81", f"text/xml; charset={name}").encode()


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=100))
def test_utf_8_comes_back_as_it_was(text: str) -> None:
    if "\0" not in text[:2] and not text.startswith("\ufeff"):
        assert decoded(text.encode(), "text/xml; charset=windows-1255") == text


@pytest.mark.parametrize("piece", [b"\xe0", b"\xe0 ", b"\xd7\x90\xff", b"\x81a", b"<", b"charset="])
def test_it_takes_no_longer_than_the_body_is_long(piece: bytes) -> None:
    started = time.thread_time()
    decoded(piece * (8 * MIB // len(piece)), "text/xml; charset=utf-8")
    assert time.thread_time() - started < 4
