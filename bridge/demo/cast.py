"""Who plays in the demo: agents, customers and the numbers they dial. All of it is invented."""

from dataclasses import dataclass

from bridge.core.model import Caller, CallerKind
from bridge.crm.simulation import SimulatedAgent, SimulatedContact
from bridge.pbx.switchboard import Extension

CRM = "acme"
CHAT = "chat"
"""Where popups are shown that is no CRM with a button."""
PBX = "main"
PBX_KIND, CRM_KIND = "voicenter", "webhook"
"""What is simulated unless something else is asked for."""


@dataclass(frozen=True, slots=True)
class Player:
    """One agent: the CRM's name for them, their phone's SIP code and the short number that colleagues dial.

    Which of the two is their extension is the phone system's way.
    """

    crm_user: str
    name: str
    sip: str
    short: str

    def desk(self, extension: str) -> Extension:
        """Their phone."""
        return Extension(extension, self.name, self.short)

    def user(self) -> SimulatedAgent:
        """Themselves as a user of the CRM."""
        return SimulatedAgent(self.crm_user, self.name, f"u-{self.short}")


@dataclass(frozen=True, slots=True)
class Customer:
    """One contact of the simulated CRM. `e164` is the number in international form, by which the CRM finds them."""

    contact_id: str
    name: str
    number: str
    e164: str
    company: str
    last_order: str

    def caller(self) -> Caller:
        """How the phone system shows them."""
        return Caller(self.number, name=self.name, kind=CallerKind.NUMBER)

    def contact(self) -> SimulatedContact:
        """How the CRM has them."""
        details = {"last order": self.last_order}
        return SimulatedContact(self.contact_id, self.name, (self.number,), self.company, details=details)


DANA = Player("dana@acme.example", "Dana Cohen", "SIPDana1", "101")
OMER = Player("omer@acme.example", "Omer Katz", "SIPOmer2", "102")
NOA = Player("noa@acme.example", "נועה פרץ", "SIPNoam3", "103")
YOSSI = Player("yossi@acme.example", "יוסי מזרחי", "SIPYosi4", "104")
PLAYERS = (DANA, OMER, NOA, YOSSI)

SALES, SUPPORT = "0722776772", "0722776773"
DIDS = {SALES: "Sales line", SUPPORT: "Support"}

CUSTOMERS = (
    Customer("1042", "רות לוי", "0522340002", "+972522340002", "Levi Ceramics", "12 glaze kilns, delivered"),
    Customer("1187", "Amir Haddad", "0543450003", "+972543450003", "Haddad & Sons", "offer no. 551, open"),
    Customer("1203", "מיכל ברק", "0587000005", "+972587000005", "סטודיו ברק", "none yet"),
    Customer("1311", "Tom Fischer", "031234567", "+97231234567", "Fischer Travel", "yearly contract, renews in May"),
)
WITHHELD = Caller("", kind=CallerKind.WITHHELD)


def contact_of(number: str) -> Customer | None:
    """The CRM's contact with this number."""
    return next((customer for customer in CUSTOMERS if number in (customer.e164, customer.number)), None)
