// What the bridge sends to its pages, for the type checker alone; no browser loads this file.
// The shapes are those of the API (`/openapi.json`). Times are ISO 8601 texts in UTC unless said otherwise.

/** Why something is so, as data: see bridge/core/reasons.py. */
interface Reason {
  code: string;
  params?: Record<string, ReasonParameter>;
  also?: Reason[];
}
type ReasonParameter = string | number | Reason | ReasonParameter[];

/** All words of one language by key. */
type Words = Record<string, string>;

interface Language {
  code: string;
  name: string;
  dir: string;
}

interface Caller {
  number: string;
  e164: string | null;
  /** The country of `e164` was guessed: it is not certain. */
  e164_guessed?: boolean;
  name: string;
  kind: string;
}

interface Call {
  pbx: string;
  extension: string;
  ivrid: string;
  original_ivrid: string | null;
  did: string;
  did_label: string | null;
  direction: string;
  state: string;
  caller: Caller;
  started_at: string | null;
  answered_at: string | null;
  recording: { filename: string; muted: boolean } | null;
  customdata: Record<string, string>;
  queue?: string;
  conference?: "yes" | "no";
  parked?: "yes" | "no";
  held_by_other?: "yes" | "no";
}

/** The CRM's record as the button named it: unchecked, so anything may be in it. */
interface CrmRecord {
  type?: unknown;
  id?: unknown;
  url?: unknown;
}

interface PopupAgent {
  crm: string;
  crm_user: string;
  name: string;
  pbx: string;
  extension: string;
}

interface Popup {
  popup_id: string;
  click_id: string;
  created_at: string;
  expires_at: string;
  agent: PopupAgent;
  call: Call;
  other_calls: Call[];
  why: string;
  reason: Reason | null;
  record: CrmRecord | null;
  contact?: Contact | null;
  /** The CRM's settings say that nothing is sent anywhere. */
  dry_run?: boolean;
  passed_on?: PassedOn;
}

/** From whom a call comes that was passed on; `notes` are there once they were asked for. */
interface PassedOn {
  by: string;
  extension: string;
  ivrid: string;
  caller: Caller;
  did: string;
  did_label: string | null;
  contact: Contact | null;
  notes?: SentNote[];
}

interface SentNote {
  by?: string;
  text: string;
  outcome: string | null;
  noted_at: string;
}

/** One call of the agent's last day. `popup_id` is null for one that made no popup. */
interface ShiftCall {
  call_id: string;
  at: string;
  popup_id: string | null;
  shown: number;
  caller: Caller;
  did: string;
  did_label: string | null;
  direction: string;
  contact: { name: string; company: string; url: string | null } | null;
  ended_at: string | null;
  outcome: string | null;
  answered_by: string | null;
  noted_at: string | null;
  missed: boolean;
  times: number;
  /** The newest missed call of a caller who was not spoken to since. */
  to_call_back: boolean;
  called_back: boolean;
}

interface ShiftPage {
  items: ShiftCall[];
  next_cursor: string | null;
  to_call_back: number;
}

/** One of the agent's popups, to open its card again. */
interface PopupAgain {
  popup: Popup;
  ended_at: string | null;
  answered_by: string | null;
}

interface ContactRecord {
  type: string;
  id: string;
  name: string;
  company: string;
  url: string | null;
  owner: string;
  details: Record<string, string>;
}

/** `ms` is null until the CRM was asked. */
interface Contact {
  status: "one" | "several" | "none" | "unasked" | "unknown";
  crm: string;
  records: ContactRecord[];
  more: boolean;
  create_url: string | null;
  ms: number | null;
  from: string | null;
  reason?: Reason;
}

/** The answer to a click. */
interface Answer {
  click_id: string;
  outcome: string;
  why: string;
  reason: Reason | null;
  popup: Popup | null;
  served_from: string | null;
  pbx_ms: number | null;
  total_ms: number;
  dry_run?: boolean;
}

/** Event `nothing`: a click of this agent that found no call. */
type NothingFound = Pick<Answer, "click_id" | "outcome" | "why" | "reason"> & { created_at: string };

/** Event `call`: how the call of a popup is now. */
interface CallUpdate {
  popup_id: string;
  state: string;
  call: Call | null;
  other_calls: Call[];
  asked_at: string;
  stale: boolean;
  /** Who else has answered the call; "": nobody knows. Null: nobody has. */
  answered_by?: string | null;
  why: string;
  reason: Reason | null;
}

interface Preferences {
  language: string | null;
  sound: boolean;
  alerts: boolean;
  theme: string;
  customdata: string[] | null;
  open_record: boolean;
  pop: string | null;
}

/** Event `hello`, the first of every stream. */
interface Hello {
  now: string;
  preferences?: Preferences;
  record_hosts: string[];
  creates_contacts?: boolean;
  chooses_pop?: boolean;
  usual_pop?: string | null;
  ended_card_seconds?: number;
}

/** The answer of `POST /desktop/session`; `session` is "" where the page's cookie has it. */
interface SessionData {
  session: string;
  expires_at: string;
  agent: { crm: string; crm_user: string; name: string };
  preferences: Preferences;
  record_hosts: string[];
  creates_contacts?: boolean;
  chooses_pop?: boolean;
  usual_pop?: string | null;
  ended_card_seconds?: number;
}

interface NoteDraft {
  text: string;
  outcome: string | null;
}

interface Attempt {
  at: string;
  status: number | null;
  ms: number;
  error: string | null;
  next_try_at: string | null;
  reason?: Reason | null;
  /** The beginning of an answer that refuses. */
  said?: string;
}

/** A delivery as a log entry has it; the click's details add `event` and `attempts`. */
interface DeliverySummary {
  target: string;
  state: string;
  created_at?: string;
  ended_at: string | null;
  shown_at: string | null;
}
type Delivery = DeliverySummary & { event: string; attempts: Attempt[] };

/** A delivery as `GET /api/deliveries` lists it. */
type ListedDelivery = Delivery & { delivery_id: string; click_id: string; crm: string };

/** `sent` is what the delivery brings; null when that is not kept any longer. */
type ShownDelivery = ListedDelivery & { sent: unknown };

/** An entry of the audit log. A personal field is null once it was erased. */
interface LogEntry {
  time: string;
  click_id: string;
  crm: string;
  crm_user: string | null;
  agent: string | null;
  pbx: string | null;
  extension: string | null;
  outcome: string;
  why: string | null;
  reason: Reason | string | null;
  ivrid: string | null;
  did: string | null;
  caller: string | null;
  popup_id: string | null;
  source_ip: string | null;
  deliveries: DeliverySummary[];
  /** Who called, as long as the popup is kept. */
  caller_name?: string | null;
  other_callers?: (string | null)[];
}

/** A click that was refused: its `reason` is the slug of the refusal, its `cause` what only supervisors are shown. */
interface RefusedClick {
  time: string;
  outcome: "refused";
  reason: string;
  cause: Reason | null;
  why: string;
  crm: string | null;
  crm_user: string | null;
  source_ip: string | null;
}

interface List<Item> {
  items: Item[];
  next_cursor: string | null;
}

/** The answer of `GET /api/clicks/{click_id}`. */
interface ClickDetails {
  click: {
    click_id: string;
    crm: string;
    received_at: string;
    source_ip: string | null;
    agent: string | null;
    extension: string | null;
    ivrid: string | null;
  };
  agent: { name: string; crm_user: string } | null;
  live_calls: Call[] | null;
  answer: Answer;
  steps: { step: string; ms: number }[];
  deliveries: Delivery[];
  rule?: number | null;
}

/** What `GET /api/audit?name=` says of the name: of how many callers it is, and since when names are known. */
interface Named {
  callers: number;
  more: boolean;
  since: string;
}

/** What `GET /console/session` says of a token. */
interface Whose {
  token_id: string;
  role: string;
  /** Who signed in, where the identity provider said it. */
  subject?: string;
  expires_at: string;
  crms: string[] | null;
  masked: boolean;
}

/** A call on the live page. `number` of its caller may be masked. `line` is the number dialled, or its label. */
interface FloorCall {
  state: string;
  direction: string;
  since: string | null;
  caller: Caller;
  contact: string;
  line: string;
  queue: string;
  extension: string;
  pbx: string;
}

/** An agent on the live page. `phone` is null where the phone system does not say who is logged in. */
interface FloorAgent {
  key: string;
  crm: string;
  crm_user: string;
  name: string;
  mode: string;
  extensions: [string, string][];
  phone: boolean | null;
  page: boolean;
  state: string;
  calls: FloorCall[];
}

interface FloorQueue {
  key: string;
  pbx: string;
  queue: string;
  name: string;
  waiting: number;
  since: string | null;
  callers: { since: string; caller: Caller }[];
}

/** A phone system on the live page. `at` is in seconds since 1970, where what is known is old. */
interface FloorSystem {
  pbx: string;
  way: "events" | "asked" | "none";
  is_known: boolean;
  at: number | null;
  problem: { reason: Reason; why: string } | null;
  queues: "none" | "shown" | "shared";
}

/** The day's figures; of calls null where nobody counts them. */
interface FloorToday {
  answered: number | null;
  missed: number | null;
  delivered: number;
  seen: number;
  median_ms: number | null;
}

/** What an event of the live page's stream tells: everything (`floor`), or what has changed (`change`). */
interface FloorChange {
  now: string;
  agents?: FloorAgent[];
  queues?: FloorQueue[];
  gone?: string[];
  systems?: FloorSystem[];
  today?: FloorToday;
  masked?: boolean;
}

/** One minute of the last hours; `at` in seconds since 1970. */
interface HealthSample {
  at: number;
  queue: number;
  pending: number;
  overdue: number;
  unarchived: number;
  workers: number;
}

interface HealthListener {
  pbx: string;
  way: string;
  is_there: boolean;
  heard_seconds?: number | null;
  problem?: string;
  reason?: Reason | null;
}

/** The answer of `GET /api/health`; `series` is null for a token of some CRMs. */
interface HealthOverview {
  series: HealthSample[] | null;
  circuits: { pbx: Record<string, string>; target: Record<string, string> };
  listeners: HealthListener[];
  may_examine: boolean;
}

interface Finding {
  what: string;
  grade: string;
  message: string;
  fix: string;
  reason?: Reason;
  advice?: Reason;
}

/** Put in front of /button.js by the bridge: the words it needs, by language. */
declare const WORDS: Record<string, Words>;

/** A click of the demo's button. `…_at_ms` count from the click. */
interface DemoClick {
  number: number;
  by_itself: boolean;
  answered_at_ms: number | null;
  problem: string | null;
  answer: Answer | null;
  story: Pick<ClickDetails, "steps" | "deliveries"> | null;
  crm_at_ms: number | null;
  desktop_at_ms: number | null;
}

interface DemoContact {
  name: string;
  company: string;
  contact_id: string;
  e164: string;
  last_order: string;
}

interface DemoDesk {
  name: string;
  url: string;
  calls: Call[];
}

/** `what` happened to whom, so long after the call began. */
interface DemoStep {
  what: string;
  who: string[];
  at_ms: number;
}

/** A call of the CRM's history. */
interface DemoCall {
  agent: string;
  contact: string;
  number: string;
  outcome: string;
  talk_seconds: number | null;
}

/** A note that the CRM was sent. `at` is epoch seconds. */
interface DemoNote {
  at: number;
  agent: string;
  text: string;
}

/** All that the demo page shows. `pbx` and `crm` are how the simulated systems behave. */
interface DemoState {
  make: { title: string; not_told: string };
  desks: DemoDesk[];
  links: { console: string; docs: string };
  pop: string;
  life: DemoStep[];
  history: DemoCall[];
  notes: DemoNote[];
  pbx: string;
  crm: string;
  autoplay: boolean;
  crm_popup: { popup: { at: number; number: string }; contact: DemoContact | null } | null;
  presses: DemoClick[];
}
