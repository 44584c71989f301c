"""The two files that make EspoCRM's button: its place on the page, and the script that sends the click; pure."""

import json

from bridge.crm.contract import PasteFile

PLACE = "custom/Espo/Custom/Resources/metadata/clientDefs/Contact.json"
SCRIPT = "client/custom/src/handlers/popbridge.js"
BUTTON = {
    "label": "Who is calling?",
    "name": "popbridge",
    "style": "default",
    "handler": "custom:handlers/popbridge",
    "actionFunction": "ask",
}
HANDLER = """\
// The button "Who is calling?": asks popbridge which call the agent is on. The popup comes by itself.
define('custom:handlers/popbridge', ['action-handler'], Dep => {

    const address = %(address)s;
    const token = %(token)s;

    return class extends Dep {

        async ask() {
            const user = this.view.getUser();
            const model = this.view.model;
            const page = `#${model.entityType}/view/${model.id}`;
            const click = {
                agent: user.get('emailAddress') || user.get('userName'),
                record: {
                    type: model.entityType,
                    id: model.id,
                    url: window.location.origin + window.location.pathname + page,
                },
            };
            this.view.disableMenuItem('popbridge');
            try {
                const response = await fetch(address, {
                    method: 'POST',
                    headers: {'Content-Type': 'application/json', 'Authorization': `Bearer ${token}`},
                    body: JSON.stringify(click),
                });
                const answer = await response.json();
                const found = answer.outcome === 'found';
                this.show(answer.why || answer.detail || answer.title, found ? 'success' : 'warning');
            } catch (error) {
                this.show('popbridge could not be reached', 'error');
            } finally {
                this.view.enableMenuItem('popbridge');
            }
        }

        show(text, style) {
            const plain = String(text).replace(/[<>&]/g, ' ');
            Espo.Ui.notify(plain, style, 4000);
        }
    };
});
"""


def files(address: str, token: str) -> tuple[PasteFile, ...]:
    """The files, by their paths below EspoCRM's folder. Everybody who may use EspoCRM can read the token in the script:
    it proves that a click comes from there, and opens nothing else."""
    place = {"menu": {"detail": {"buttons": ["__APPEND__", BUTTON]}}}
    script = HANDLER % {"address": json.dumps(address), "token": json.dumps(token)}
    return PasteFile(PLACE, json.dumps(place, indent=4) + "\n"), PasteFile(SCRIPT, script)
