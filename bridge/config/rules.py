"""`[[rules]]`: which calls pop, where to, and under which label. The first rule that fits decides."""

from typing import Literal

from pydantic import Field, model_validator

from bridge.config.section import Section
from bridge.config.values import Names


class Rule(Section):
    """One rule: what is named must fit, what is not named fits everything."""

    pbx: str | None = Field(None, description="the phone system's name")
    did: str | None = Field(None, description="the number that was dialled, or the beginning of one with *")
    queue: str | None = Field(None, description="the queue that the call came from")
    direction: Literal["incoming", "outgoing", "internal"] | None = Field(None, description="the call's direction")
    caller: str | None = Field(
        None, description='the caller\'s number in any spelling, the beginning of one with *, "withheld" or "internal"'
    )
    crm: str | None = Field(None, description="the agent's CRM")
    agent: str | None = Field(None, description="the agent's crm_user")
    trigger: Literal["button", "ringing", "answer"] | None = Field(None, description="what made the popup")
    pop: bool = Field(True, description="false: no popup without a click; who clicks is always answered")
    targets: Names | None = Field(None, description="who gets the popup, in place of the CRM's targets")
    label: str | None = Field(None, description="label shown for the number that was dialled")

    @model_validator(mode="after")
    def _does_something(self) -> "Rule":
        if self.pop and self.targets is None and self.label is None:
            raise ValueError("needs pop = false, targets or label: otherwise it changes nothing")
        if not self.pop and self.trigger == "button":
            raise ValueError("pop = false cannot be for clicks: who clicks is always answered")
        return self
