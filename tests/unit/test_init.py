"""`popbridge init --agent`: what is no row is named, whatever it is."""

import pytest

from bridge.cli.init import _agent


@pytest.mark.parametrize(
    "text", ["", "dana@acme.example", "a,b,c,d", ",101", "dana@acme.example,", "dana\rx,101", 'a"\n,1']
)
def test_what_is_no_agent_is_refused_in_one_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _agent(text)
    assert "must be CRM_USER,EXTENSION" in capsys.readouterr().err


def test_a_name_may_be_left_out_or_hold_a_comma() -> None:
    assert _agent("dana@acme.example, 101").extension == "101"
    assert _agent('dana@acme.example,101,"Cohen, Dana"').name == "Cohen, Dana"
