// The card of popbridge. HubSpot signs its requests, and adds who asks, on which record and in which account.
import React, { useState } from "react";
import { Button, Flex, Text, hubspot } from "@hubspot/ui-extensions";

const WORDS = {
  en: { ask: "Who is calling?", asking: "Asking…", open: "Popups", failed: "popbridge could not be reached. Try again in a moment." },
  he: { ask: "מי מתקשר?", asking: "בודק…", open: "חלונות קופצים", failed: "לא ניתן להגיע ל-popbridge. נסו שוב בעוד רגע." },
};

hubspot.extend(({ context, actions }) => <Popbridge context={context} actions={actions} />);

function Popbridge({ context, actions }) {
  const words = (context.user.locale || "").startsWith("he") ? WORDS.he : WORDS.en;
  const [answer, setAnswer] = useState("");
  const [asking, setAsking] = useState(false);

  async function ask() {
    setAsking(true);
    setAnswer(words.asking);
    try {
      const body = {
        agent: context.user.email,
        press_id: `${context.user.id}-${Date.now()}-${Math.random().toString(36).slice(2)}`,
        portalId: context.portal.id,
        associatedObjectId: context.crm.objectId,
        associatedObjectType: context.crm.objectTypeId,
      };
      const response = await hubspot.fetch("@CLICK_URL@", { method: "POST", timeout: 10000, body });
      const found = await response.json();
      const caller = found.popup && found.popup.call.caller;
      setAnswer(caller ? [caller.name, caller.number].filter(Boolean).join(" ") : found.why || found.detail);
    } catch (error) {
      setAnswer(words.failed);
    } finally {
      setAsking(false);
    }
  }

  // The desktop page shows each popup by itself: caller, record, note.
  function openPopups() {
    actions.openIframeModal({ uri: "@BRIDGE_URL@/desktop", title: "popbridge", width: 480, height: 720 });
  }

  return (
    <Flex direction="column" gap="sm">
      <Button onClick={ask} disabled={asking} variant="primary">{words.ask}</Button>
      {answer ? <Text>{answer}</Text> : null}
      <Button onClick={openPopups} variant="secondary">{words.open}</Button>
    </Flex>
  );
}
