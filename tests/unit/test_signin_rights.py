"""What a person's claims make of them: agents by a claim for each CRM, supervision by their groups."""

from typing import Any

import pytest

from bridge.agents.directory import read
from bridge.config.models import Oidc, Settings
from bridge.signin.rights import Person, person_of
from bridge.store.grants import Role

ROWS = ["crm,crm_user,pbx,extension,name", "acme,dana@acme.example,main,1,", "sales,Dana,main,2,", "sales,42,main,3,"]
DIRECTORY = read(ROWS, {"acme", "sales"}, {"main"}, "agents.csv")
GROUPS = {
    "acme leads": {"role": "supervisor", "crms": ["acme"]},
    "sales leads": {"role": "supervisor", "crms": ["sales"]},
    "all leads": {"role": "supervisor"},
    "sales it": {"role": "admin", "crms": ["sales"]},
}


def person(claims: dict[str, Any], **keys: Any) -> Person:
    told = {"issuer": "https://login.example", "client_id": "x", "client_secret": "a-secret-of-it", "groups": GROUPS}
    oidc = Oidc.model_validate({**told, **keys})
    crms: Any = {"acme": None, "sales": None}
    return person_of(claims, Settings.model_construct(crm=crms), oidc, DIRECTORY)


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({"email": "Dana@Acme.example"}, ["acme"]),
        ({"email": " dana@acme.example "}, ["acme"]),
        ({"email": "dana@acme.example", "email_verified": True}, ["acme"]),
        ({"email": "dana@acme.example", "email_verified": False}, []),
        ({"email": "dana@acme.example", "email_verified": "false"}, []),
        ({"email": "dana@acme.example", "preferred_username": "Dana"}, ["acme", "sales"]),
        ({"preferred_username": "dana"}, []),
        ({"preferred_username": 42}, ["sales"]),
        ({"preferred_username": True}, []),
        ({"email": ["dana@acme.example"]}, []),
        ({}, []),
    ],
)
def test_agents_are_found_by_the_claim_of_each_crm(claims: dict[str, Any], found: list[str]) -> None:
    agents = person(claims, agent_claims={"sales": "preferred_username"}).agents
    assert [agent.crm for agent in agents] == found


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        ([], None),
        (None, None),
        ("acme leads", (Role.SUPERVISOR, ("acme",))),
        (["acme leads", "everybody"], (Role.SUPERVISOR, ("acme",))),
        (["Acme Leads", 5, {"name": "acme leads"}], None),
        (["sales leads", "acme leads"], (Role.SUPERVISOR, ("sales", "acme"))),
        (["acme leads", "all leads"], (Role.SUPERVISOR, ())),
        (["sales it", "acme leads"], (Role.ADMIN, ("sales",))),
        (["sales it", "all leads"], (Role.ADMIN, ("sales",))),
    ],
)
def test_the_groups_of_the_highest_role_count(groups: object, found: tuple[Role, tuple[str, ...]] | None) -> None:
    seen = person({"groups": groups}).supervision
    assert (seen and (seen.role, seen.crms)) == found


def test_what_a_person_is_called_is_one_short_line() -> None:
    assert person({"sub": "7", "email": "a\nb\u202e" + "x" * 500}).subject.startswith("a b")
    assert len(person({"sub": "7", "email": "x" * 500}).subject) <= 200
    assert person({"sub": "7", "email": 5}).subject == "7"
