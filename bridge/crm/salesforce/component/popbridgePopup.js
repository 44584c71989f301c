// Shows popbridge's popups in the utility bar and opens the caller's record. All that callers control is shown as text.
import { LightningElement } from "lwc";
import { subscribe, unsubscribe, onError } from "lightning/empApi";
import { NavigationMixin } from "lightning/navigation";
import { ShowToastEvent } from "lightning/platformShowToastEvent";
import userId from "@salesforce/user/Id";
import language from "@salesforce/i18n/lang";

const CHANNEL = "/event/@EVENT@";
const NEW_ONLY = -1;
const MOST_SEEN = 200;
const ID = /^[A-Za-z0-9]{15,18}$/;
const WORDS = {
    en: {
        incoming: "Incoming call", outgoing: "Outgoing call", call: "Call", withheld: "Number withheld",
        open: "Open record", elsewhere: "Answered by a colleague", ended: "The call has ended",
        quiet: "No call", failed: "Not connected: no popups until this page is reloaded",
    },
    he: {
        incoming: "שיחה נכנסת", outgoing: "שיחה יוצאת", call: "שיחה", withheld: "מספר חסוי",
        open: "פתיחת הרשומה", elsewhere: "השיחה נענתה אצל נציג אחר", ended: "השיחה הסתיימה",
        quiet: "אין שיחה", failed: "אין חיבור: לא יוצגו שיחות עד לטעינה מחדש של הדף",
    },
};

export default class PopbridgePopup extends NavigationMixin(LightningElement) {
    words = language.startsWith("he") || language.startsWith("iw") ? WORDS.he : WORDS.en;
    call = null;
    failed = false;
    seen = [];
    subscription = null;

    async connectedCallback() {
        onError(() => {
            this.failed = true;
        });
        try {
            this.subscription = await subscribe(CHANNEL, NEW_ONLY, (message) => this.take(message.data.payload));
        } catch (error) {
            this.failed = true;
        }
    }

    disconnectedCallback() {
        if (this.subscription) unsubscribe(this.subscription, () => {});
    }

    take(told) {
        if ((told.Agent_Id__c || "").slice(0, 15) !== userId.slice(0, 15)) return;
        if (told.Kind__c === "popup") this.show(told);
        else if (this.call && told.Ivrid__c === this.call.ivrid) this.tell(told);
    }

    show(told) {
        if (this.seen.includes(told.Popup_Id__c)) return;
        this.seen = [...this.seen, told.Popup_Id__c].slice(-MOST_SEEN);
        this.call = {
            ivrid: told.Ivrid__c,
            title: this.words[told.Direction__c] || this.words.call,
            name: told.Caller_Name__c || "",
            number: told.Caller__c || this.words.withheld,
            line: told.Line__c,
            recordId: ID.test(told.Record_Id__c || "") ? told.Record_Id__c : null,
            news: null,
        };
        const message = [this.call.name, this.call.number].filter(Boolean).join(" ");
        this.dispatchEvent(new ShowToastEvent({ title: this.call.title, message, variant: "info" }));
        if (this.call.recordId) this.open();
    }

    tell(told) {
        const text = told.Kind__c === "answered_elsewhere" ? this.words.elsewhere : this.words.ended;
        const who = told.Kind__c === "answered_elsewhere" ? told.Told__c : null;
        this.call = { ...this.call, news: [text, who].filter(Boolean).join(": ") };
    }

    open() {
        const attributes = { recordId: this.call.recordId, actionName: "view" };
        this[NavigationMixin.Navigate]({ type: "standard__recordPage", attributes });
    }
}
