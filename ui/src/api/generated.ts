// Generated from docs/api/openapi.json by scripts/types.mjs; not to be altered by hand.

/** One change to the world. A new kind of action is a variant here; the compiler leads to the rest. An action names what is to be so afterwards, never a difference: asking twice for the same thing does no harm even where an actuator cannot remember. A runbook alone is a deed: its actuator must know it again by its key. */
export type Action = {
  do: "revert_change";
  /** What the change touched. */
  entity: EntityId;
  /** The change's id. */
  change: string;
} | {
  do: "set_settings";
  /** Whose. */
  entity: EntityId;
  /** Name to value. */
  settings: Record<string, string | null>;
} | {
  do: "set_role";
  /** Whose. */
  entity: EntityId;
  /** The role it shall act under. */
  role: EntityId;
} | {
  do: "set_limit";
  /** Whose. */
  entity: EntityId;
  /** Which: `concurrency`, `connections`, `throughput`, … */
  limit: string;
  /** The value. */
  value?: number | null;
} | {
  do: "set_version";
  /** Whose. */
  entity: EntityId;
  /** The version. */
  version: string;
} | {
  do: "scale";
  /** Whose. */
  entity: EntityId;
  /** Copies. */
  copies: number;
} | {
  do: "restart";
  /** Whose. */
  entity: EntityId;
} | {
  do: "renew";
  /** Whose. */
  entity: EntityId;
} | {
  do: "set_aside";
  /** The store or queue that holds it. */
  entity: EntityId;
  /** Which. */
  record: string;
} | {
  do: "put_back";
  /** The store or queue that held it. */
  entity: EntityId;
  /** Which. */
  record: string;
} | {
  do: "fail_over";
  /** What traffic is taken from. */
  from: EntityId;
  /** What shall carry it. */
  to: EntityId;
} | {
  do: "throttle";
  /** Whose requests. */
  entity: EntityId;
  /** Requests per second. */
  per_second?: number | null;
} | {
  do: "run_runbook";
  /** What it is run for. */
  entity: EntityId;
  /** Its name. */
  runbook: string;
  /** What it is given: name to value. */
  parameters?: Record<string, string>;
};

/** One thing to do so that it does not happen again. */
export type Advice = {
  /** Which area. */
  area: Area;
  /** What to do. */
  text: string;
};

/** One notice from outside that something may be wrong, in our words. */
export type Alarm = {
  /** Unique within the recording. */
  id: string;
  /** Who raised it: `cloudwatch`, `prometheus`, `datadog`. */
  source?: string;
  /** The rule's name. */
  rule: string;
  /** About whom. */
  entity: EntityId;
  /** The metric that crossed its line, if it is about one. */
  metric?: string | null;
  /** The statistic of that metric. */
  statistic?: string | null;
  /** The line. */
  threshold?: number | null;
  /** What was seen. */
  observed?: number | null;
  /** When it fired. */
  fired_at: Timestamp;
  /** When its condition became true in the data, if whoever raised it knows: the last datum that it needed had come in, and its period was over. From here on whoever evaluates is to blame for the time that passes. */
  true_at?: Timestamp | null;
  /** How bad its rule says it is. */
  severity?: Severity | null;
  /** Firing, resolved, or no data. */
  state?: AlarmState;
  /** What it tells people. Hostile text: shown, never believed. */
  summary?: string;
  /** Its labels. */
  labels?: Record<string, string>;
  /** Where the row stands. */
  raw?: RawRef;
};

/** One alarm of an incident. */
export type AlarmShown = {
  /** Whose. */
  incident: IncidentId;
  /** What makes it the same alarm again. */
  fingerprint: Fingerprint;
  /** Its rule. */
  rule: string;
  /** About whom. */
  entity: EntityId;
  /** As it arrived. */
  alarm: Alarm;
  /** How it stands. */
  state: AlarmState;
  /** Since when, by its own words. */
  since: Timestamp;
  /** When it came to the incident. */
  joined: Timestamp;
  /** How often it turned. */
  turns: number;
  /** Does it turn too often to tell anything? */
  flapping: boolean;
};

/** A part of a list, and where the next part begins. */
export type AlarmShownList = {
  /** The items of this part. */
  items: AlarmShown[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** What the alarm says of itself. */
export type AlarmState = "firing" | "resolved" | "no_data";

/** Which alarms. */
export type Alarms = {
  /** Their rules, or their fingerprints or the beginnings of these. */
  alarms: string[];
};

/** One way in which an earlier incident is alike. */
export type Alike = {
  /** `log lines`, `mechanism`, `place`, `what metrics did`, `kind of change`. */
  what: string;
  /** How alike in this, 0..1. */
  share: number;
  /** What both have, for people; empty where it would be too long to tell. */
  common?: string[];
};

/** What the gate said. */
export type Answered = {
  /** When. */
  at: Timestamp;
  /** What, and why. */
  answer: GateAnswer;
};

/** An answer, and the question that it answers. */
export type Answered2 = {
  /** The question, as it was understood. */
  query: Query;
  /** The same in one line, to copy. */
  asked: string;
  /** Series, for a question about a metric. */
  series: Points[];
  /** Lines, for a question about logs; the oldest first. */
  logs: Line[];
  /** Spans, for a question about traces; the oldest first. */
  spans: SpanLine[];
  /** Rows that fit the question, those included that are left out here. */
  matched: number;
  /** Were rows left out, or texts cut? Ask for a shorter window then, or for more rows. */
  cut: boolean;
  /** What could not be looked at, or was thinned out before. */
  gaps: Gap[];
};

/** A part of a list, and where the next part begins. */
export type AnyValueList = {
  /** The items of this part. */
  items: unknown[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** A named person's yes to one exact plan, until it expires. */
export type Approval = {
  /** The plan's digest. */
  plan: string;
  /** Who said yes. */
  by: string;
  /** When. */
  at: Timestamp;
  /** Until when it counts. */
  until: Timestamp;
};

/** One of the four areas of prevention. */
export type Area = "observability" | "infrastructure" | "deployment_pipeline" | "resilience";

/** One question in the source's own language, and which of our series or lines it brought. */
export type Asked = {
  /** What it brought: numbers, lines or spans. */
  kind: SourceKind;
  /** Whose; `None` for everyone. */
  entity?: EntityId | null;
  /** The metric as our rows name it; empty for lines. */
  metric?: string;
  /** The statistic as our rows name it; empty for none. */
  statistic?: string;
  /** The question, ready to be copied. */
  text: string;
};

/** The cause that a plan answers to, as the report names it. */
export type Basis = {
  /** Where. */
  entity: EntityId;
  /** How. */
  mechanism: MechanismId;
  /** The change that did it. */
  change?: string | null;
  /** How sure, 0..1. */
  confidence: number;
};

/** A sign-in that begins. */
export type Begins = {
  /** Where the browser goes. */
  address: string;
  /** What it keeps to itself until it comes back. */
  browser: string;
};

/** What one case may spend. */
export type BudgetLimit = {
  /** Questions asked of sources. */
  reads: number;
};

/** With what a browser comes back from the provider. */
export type CameBack = {
  /** `code` of the address. */
  code: string;
  /** `state` of the address. */
  state: string;
  /** What the browser kept to itself. */
  browser: string;
};

/** The five root-cause categories. */
export type Category = "system_change" | "resource_limit" | "component_failure" | "dependency_issue" | "input_anomaly";

/** One cause that the report names. */
export type Cause = {
  /** Where. */
  entity: EntityId;
  /** How. */
  mechanism: MechanismId;
  /** The mechanism's title. */
  title: string;
  /** Which of the five. */
  category: Category;
  /** The change that did it, if one did. */
  change?: string | null;
  /** How sure, in a word. */
  word: Word;
  /** How sure, 0..1, calibrated. */
  confidence: number;
  /** Why it is not surer: the caps that bind. */
  caps?: string[];
  /** Term by term. */
  score: Score;
  /** When it began. */
  onset?: Onset | null;
  /** The sentence that names it. */
  claim: Claim;
  /** What speaks for it. */
  supports: Claim[];
  /** What speaks against it. */
  contradicts: Claim[];
  /** What it predicted. */
  predictions: Prediction[];
  /** From the cause to the symptoms. */
  path: Link[];
  /** Symptoms that would stand unexplained without it (indexes into `symptoms`). */
  explains: number[];
  /** Ways back, the safest first. */
  mitigations: Mitigation[];
};

/** One cause in a line. */
export type CauseLine = {
  /** Where. */
  entity: EntityId;
  /** How. */
  mechanism: MechanismId;
  /** Which of the five. */
  category: Category;
  /** The change that did it. */
  change?: string | null;
  /** How sure, 0..1. */
  confidence: number;
  /** The same in a word. */
  word: Word;
};

/** Something that was altered: a deploy, a commit, a setting, a scaling step, a permission. */
export type Change = {
  /** Unique within the recording: a commit's hash, an audit event's id. */
  id: string;
  /** What sort. */
  kind: ChangeKind;
  /** When it began to act (a commit: when it was made). */
  start: Timestamp;
  /** When it was complete; `start` where the source gives one time only. */
  end: Timestamp;
  /** What it touched, where the source says. */
  entities?: EntityId[];
  /** Who. */
  actor?: string;
  /** One line for people. */
  title: string;
  /** Paths touched. */
  files?: string[];
  /** The diff, or before and after of a setting as one; `None` where the source withheld it. */
  diff?: string | null;
  /** Version that went out; empty if none. */
  version?: string;
  /** Other changes that this one carries: a deploy's commits. */
  carries?: string[];
  /** When it was put back to what it was before, if it was. A version that gave way to a newer one was not: what it brought is in that one too. */
  undone?: Timestamp | null;
  /** Where the row stands. */
  raw?: RawRef;
};

/** What sort of alteration. */
export type ChangeKind = "commit" | "deploy" | "flag" | "config" | "permission" | "infrastructure" | "scaling" | "migration" | "schedule" | "certificate" | "maintenance";

/** A part of a list, and where the next part begins. */
export type ChangeList = {
  /** The items of this part. */
  items: Change[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** A condition on telemetry: verification, steady state and stop condition alike. */
export type Check = {
  /** All of them must hold. */
  all: Condition[];
  /** Over how long a stretch of fresh telemetry each is looked at. */
  over: Span;
};

/** One condition, and what was seen. */
export type Checked = {
  /** What was asked. */
  condition: Condition;
  /** Whether it held. */
  holds: Holds;
  /** What was seen, for people: `0 of 312 calls failed`. */
  seen: string;
};

/** A sentence which cites what it stands on. INVARIANT (J3): never without evidence. */
export type Claim = {
  /** Unique within the report: `C1`, `C2`, … */
  id: string;
  /** The sentence. */
  text: string;
  /** What it stands on. */
  evidence: EvidenceId[];
};

/** What two reports saw differently. */
export type Compared = {
  /** Digest of the one on the left (its ledger). */
  left: string;
  /** Digest of the one on the right. */
  right: string;
  /** Do they say the same? */
  same: boolean;
  /** What differs, in the order in which a reader wants to know it. */
  differences: Difference[];
};

/** How a number is held against a line. */
export type Comparison = "at_most" | "at_least";

/** Something that can be seen to hold, or not, in telemetry and state. */
export type Condition = {
  that: "error_share";
  /** Whose calls. */
  entity: EntityId;
  /** 0..1. */
  at_most: number;
  /** Fewer calls than this tell nothing. */
  calls: number;
} | {
  that: "latency";
  /** Whose calls. */
  entity: EntityId;
  /** Milliseconds. */
  at_most_ms: number;
  /** Fewer calls than this tell nothing. */
  calls: number;
} | {
  that: "metric";
  /** Whose. */
  entity: EntityId;
  /** Its name as the source writes it. */
  metric: string;
  /** Its statistic; empty for none. */
  statistic?: string;
  /** Which side of the line is well. */
  is: Comparison;
  /** The line. */
  value: number;
} | {
  that: "alarm_quiet";
  /** The rule. */
  rule: string;
  /** About whom. */
  entity: EntityId;
} | {
  that: "state";
  /** Whose. */
  entity: EntityId;
  /** Which kind of document. */
  kind: string;
  /** Dotted path into it. */
  path: string;
  /** What must stand there. */
  equals: unknown;
};

/** What the investigation cost. Wall-clock time is left out, so that the same recording gives the same bytes. */
export type Cost = {
  /** Questions asked. */
  reads: number;
  /** Rows looked at. */
  rows: number;
  /** Bytes read. */
  bytes: number;
};

/** One thing that a person did. */
export type Deed = {
  /** Its place in the journal of the whole space. */
  position: number;
  /** When. */
  at: Timestamp;
  /** Who. */
  by: string;
  /** The event's word. */
  kind: string;
  /** To which incident. */
  incident: IncidentId;
  /** Its place in that incident's journal. */
  seq: number;
  /** The entry in one sentence. */
  said: string;
};

/** A part of a list, and where the next part begins. */
export type DeedList = {
  /** The items of this part. */
  items: Deed[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** A delivery that is kept. */
export type Delivery = {
  /** Its number; grows. */
  id: number;
  /** When it came. */
  at: Timestamp;
  /** Could it be read? */
  readable: boolean;
  /** Alarms in it that were new. */
  alarms: number;
  /** Changes in it. */
  changes: number;
  /** What else there was to say. */
  remark: string;
  /** Bytes of its body. */
  bytes: number;
};

/** A part of a list, and where the next part begins. */
export type DeliveryList = {
  /** The items of this part. */
  items: Delivery[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** One thing that differs. */
export type Difference = {
  /** Which part of the reports: `case`, `rules`, `status`, `verdict`, `symptom`, `cause`, `ruled_out`, `unknown`, `gap`, `evidence`, `budget`. */
  part: string;
  /** What it is about. */
  about: string;
  /** On the left; `null` when it is on the right only. */
  before?: string | null;
  /** On the right; `null` when it is on the left only. */
  after?: string | null;
};

/** One edge: `from` leans on `to`. */
export type Edge = {
  /** The one that leans. */
  from: EntityId;
  /** The one leaned upon. */
  to: EntityId;
  /** How. */
  kind?: EdgeKind;
  /** How sure we are that the edge exists, 0..1. */
  confidence?: number;
  /** Requests along the edge per request that `from` receives, where known. */
  calls_per_request?: number | null;
  /** Where it was seen: a trace, a config, a declared map. */
  seen_in?: string;
};

/** How one entity leans on another. Failure travels from `to` to `from`. */
export type EdgeKind = "calls" | "runs_on" | "served_by" | "consumes" | "produces" | "uses_role" | "uses_config" | "bound_by" | "part_of" | "replicates_from" | "asks_names";

/** How the performing of a plan ended. */
export type Ended = {
  /** When. */
  at: Timestamp;
  /** How. */
  end: RunEnd;
};

/** How an incident ended. */
export type Ending = {
  how: "recovered";
} | {
  how: "recovered_alone";
} | {
  how: "no_fault";
} | {
  how: "handed_over";
} | {
  how: "merged";
  /** Which. */
  into: IncidentId;
};

/** Which engine and which rules wrote the report. */
export type EngineVersion = {
  /** The program's version. */
  version: string;
  /** BLAKE3 (hex) of the catalogue of mechanisms and of the constants. */
  rules: string;
};

/** A thing that can break: service, host, pod, queue, database, function. */
export type Entity = {
  /** Unique within the recording. */
  id: EntityId;
  /** What sort of thing it is. */
  kind?: EntityKind;
  /** What people call it. */
  name: string;
  /** Properties by which the affected can be compared with the unaffected: version, zone, host, role. */
  labels?: Record<string, string>;
};

/** The name by which the whole house knows one entity, such as `service/checkout`. Unique within a recording. Cheap to clone. The text carries no meaning for the engine: renaming every entity changes no verdict. */
export type EntityId = string;

/** What sort of thing an entity is. */
export type EntityKind = "service" | "function" | "pod" | "workload" | "container" | "host" | "database" | "table" | "queue" | "cache" | "gateway" | "external" | "role" | "config" | "quota" | "scope" | "client" | "unknown";

/** What an event says. What it means for the incident is asked for by the other routes. */
export type Event = {
  /** In which space. */
  space: string;
  /** To which incident. */
  incident: IncidentId;
  /** Its place in that incident's journal, from 1. */
  seq: number;
  /** The event's word, such as `plan_proposed`. */
  kind: string;
  /** When it was written. */
  at: Timestamp;
};

/** One observation, with the query that lets a person see it again. */
export type Evidence = {
  /** Unique within the report. */
  id: EvidenceId;
  /** Which kind of source. */
  source: SourceKind;
  /** Whose, where it is about one entity. */
  entity?: EntityId | null;
  /** What was asked. */
  query: Query;
  /** The stretch that the query covered, where it has one. */
  window?: TimeWindow | null;
  /** What was computed. */
  statistic: Statistic;
  /** What it does to the hypothesis that it was collected for. */
  polarity: Polarity;
  /** Its weight in nats there; 0 for context. */
  weight?: number;
  /** Share of the wanted rows that the source covered, 0..1. */
  quality: number;
  /** One sentence fragment for people, made from the values. */
  says: string;
  /** A few of the rows, at most five. */
  raw?: RawRef[];
  /** BLAKE3 (hex) of the rows that were read, in order. */
  digest: string;
};

export type EvidenceId = string;

/** What makes two alarms the same alarm again: source, rule, entity and sorted stable labels. */
export type Fingerprint = string;

/** The forms of a report. */
export type Format = "json" | "html" | "markdown";

/** Something that could not be seen. */
export type Gap = {
  /** What was wanted: `logs`, `traces`, `metric FreeStorageSpace`, … */
  wanted: string;
  /** Of whom; `None` for everyone. */
  entity?: EntityId | null;
  /** The kinds of evidence that are not whole without it, where what is missing may lie in the time that matters. */
  hides?: SourceKind[];
  /** Why not. */
  why: GapReason;
  /** In the source's own words, if it gave any. */
  detail?: string;
  /** The exact permission, setting or instrument that closes it; empty where unknown. */
  how_to_close?: string;
};

/** A gap, and what it costs. */
export type GapCost = {
  /** What was wanted. */
  wanted: string;
  /** Of whom. */
  entity?: EntityId | null;
  /** Why not. */
  why: GapReason;
  /** In the source's words. */
  detail?: string;
  /** Which hypotheses it keeps from being tested. */
  affects: string[];
  /** Confidence that closing it could add, 0..1. */
  gain: number;
  /** How to close it. */
  how_to_close?: string;
};

/** Why something could not be looked at. */
export type GapReason = "permission" | "not_instrumented" | "retention" | "rate_limit" | "timeout" | "connector" | "budget" | "not_recorded" | "starved";

/** The gate's answer, with its reasons. */
export type GateAnswer = {
  gate: "go";
  /** Why. */
  reasons: string[];
} | {
  gate: "ask";
  /** Why. */
  reasons: string[];
  /** Who may: names or groups as the policy has them; empty for anyone whom the policy lets approve. */
  who: string[];
} | {
  gate: "refuse";
  /** Why. */
  reasons: string[];
  /** When it may be asked again; `None` for never. */
  again_at?: Timestamp | null;
};

/** How an investigation is going. */
export type Going = "running" | "done" | "failed";

/** Roles by space; [`EVERYWHERE`] stands for all of them. */
export type Grants = Record<string, Role>;

/** The numbers that no policy can lift. */
export type HardRules = {
  /** The least sure cause of a plan must be at least so sure, 0 to 1. */
  min_confidence: number;
  /** After a recovery that runs or succeeded, an entity is left alone for so many nanoseconds. */
  cooldown: number;
  /** Plans for one incident, the first included. */
  attempts: number;
  /** Entities that one plan may touch. */
  max_touched: number;
  /** How long a yes counts, in nanoseconds. */
  approval_valid: number;
  /** How old the facts of a report may be when its plan is run, in nanoseconds. */
  facts_last: number;
};

/** The head of a report. The title is the symptom, not the cause. */
export type Header = {
  /** The recording's id. */
  case: string;
  /** The symptom. */
  title: string;
  /** How it ended. */
  status: Status;
  /** The worst alarm's severity. */
  severity?: Severity | null;
  /** When it began, with its uncertainty. */
  started?: Onset | null;
  /** When the first alarm fired. */
  detected?: Timestamp | null;
  /** When it was over, with its uncertainty; `None` while it lasts. */
  resolved?: Onset | null;
  /** When the looking happened. */
  looked_at: Timestamp;
  /** The stretch that was looked at. */
  window: TimeWindow;
  /** Which rules. */
  engine: EngineVersion;
  /** What the engine was told beyond the recording: its budget. */
  budget: BudgetLimit;
};

/** A code, and what it means. */
export type Help = {
  /** The code. */
  code: string;
  /** The status that goes with it. */
  status: number;
  /** What happened, in general. */
  title: string;
  /** What to do. */
  to_do: string;
};

/** Whether a condition held. */
export type Holds = "yes" | "no" | "cannot_tell";

/** Everything that can happen to an incident. */
export type IncidentEvent = {
  event: "opened";
  /** The alarm. */
  alarm: Alarm;
  /** Its fingerprint. */
  fingerprint: Fingerprint;
} | {
  event: "alarm_joined";
  /** The alarm. */
  alarm: Alarm;
  /** Its fingerprint. */
  fingerprint: Fingerprint;
  /** How strongly it belongs here; 1 or more joins. */
  score: number;
  /** Why, for people. */
  because: string[];
} | {
  event: "alarm_turned";
  /** Which. */
  fingerprint: Fingerprint;
  /** To what. */
  state: AlarmState;
  /** When, by its own words. */
  at: Timestamp;
} | {
  event: "flapping";
  /** Which. */
  fingerprint: Fingerprint;
  /** Turns within the last 15 minutes. */
  turns: number;
} | {
  event: "silenced";
  /** By whom. */
  by: string;
  /** Why. */
  why: string;
  /** Until when. */
  until: Timestamp;
} | {
  event: "noted";
  /** Who. */
  by: string;
  /** What. */
  text: string;
} | {
  event: "investigation_started";
  /** Which time, from 1. */
  attempt: number;
  /** At which stretch. */
  window: TimeWindow;
} | {
  event: "looked";
  /** For people. */
  at: string;
} | {
  event: "investigation_ended";
  /** Which time. */
  attempt: number;
  /** The whole report, evidence included (J3). */
  report: Report;
} | {
  event: "investigation_failed";
  /** Which time. */
  attempt: number;
  /** Why. */
  why: string;
} | {
  event: "linked";
  /** Which. */
  incident: IncidentId;
  /** Why. */
  why: string;
} | {
  event: "split_off";
  /** Into which. */
  incident: IncidentId;
  /** Which alarms. */
  alarms: Fingerprint[];
  /** By whom. */
  by: string;
} | {
  event: "cause_judged";
  /** Where. */
  entity: EntityId;
  /** How. */
  mechanism: MechanismId;
  /** Was it? */
  right: boolean;
  /** Who. */
  by: string;
} | {
  event: "cause_named";
  /** Where. */
  entity: EntityId;
  /** What sort of thing that is. */
  kind?: EntityKind;
  /** How: a mechanism of the catalogue. */
  mechanism: MechanismId;
  /** Which of the five that is. */
  category: Category;
  /** In place of what was named before? Else beside it: there may be more than one cause. */
  instead: boolean;
  /** Who. */
  by: string;
} | {
  event: "look_asked";
  /** Who. */
  by: string;
} | {
  event: "plan_proposed";
  /** The plan. */
  plan: Plan;
} | {
  event: "plan_kept";
  /** Which plan. */
  plan: string;
  /** The newer report (its ledger). */
  report: string;
} | {
  event: "no_plan";
  /** Which report says what is wrong (its ledger). */
  report: string;
  /** Why. */
  why: string[];
} | {
  event: "gate_answered";
  /** About which plan (its digest). */
  plan: string;
  /** What it said. */
  answer: GateAnswer;
} | {
  event: "approval_asked";
  /** About which plan. */
  plan: string;
  /** Until when a yes counts. */
  until: Timestamp;
} | {
  event: "approved";
  /** To what, who, until when. */
  approval: Approval;
} | {
  event: "refused";
  /** To which plan. */
  plan: string;
  /** Who. */
  by: string;
  /** Why. */
  why: string;
} | {
  event: "approval_expired";
  /** About which plan. */
  plan: string;
} | {
  event: "run_started";
  /** Which plan. */
  plan: string;
} | {
  event: "step_started";
  /** Of which plan. */
  plan: string;
  /** Which step, from 0. */
  step: number;
  /** Under which key. */
  key: StepKey;
} | {
  event: "step_ended";
  /** Of which plan. */
  plan: string;
  /** Which step. */
  step: number;
  /** What became of it. */
  outcome: Outcome;
} | {
  event: "undo_started";
  /** Of which plan. */
  plan: string;
  /** Which step. */
  step: number;
  /** Under which key. */
  key: StepKey;
} | {
  event: "undo_ended";
  /** Of which plan. */
  plan: string;
  /** Which step. */
  step: number;
  /** What became of it. */
  outcome: Outcome;
} | {
  event: "run_ended";
  /** Which plan. */
  plan: string;
  /** How. */
  end: RunEnd;
} | {
  event: "verified";
  /** Which plan. */
  plan: string;
  /** Did all of it hold? */
  passed: boolean;
  /** One by one. */
  checks: Checked[];
} | {
  event: "handed_over";
  /** Why. */
  why: string;
} | {
  event: "lesson_learned";
  /** The lesson. */
  lesson: Lesson;
} | {
  event: "closed";
  /** How. */
  ending: Ending;
  /** By whom; empty for the watch itself. */
  by?: string;
};

/** Names one incident, such as `inc-20260618-150612-3f9a1c`. */
export type IncidentId = string;

/** One incident, and whom its notices did not reach. */
export type IncidentShown = {
  /** Its name. */
  id: IncidentId;
  /** The symptom in a line. */
  title: string;
  /** How it stands, in a few words: `waits for a yes`. */
  standing: string;
  /** When it was opened. */
  opened: Timestamp;
  /** When it was closed. */
  closed?: Timestamp | null;
  /** Does one of its alarms fire? */
  firing: boolean;
  /** Its alarms, as they came. */
  alarms: Alarm[];
  /** What the newest report blames, the surest first. */
  causes: CauseLine[];
  /** What people say that it really was, where no report had blamed it. */
  named: NamedLine[];
  /** Who asked for a fresh look that was not begun yet; `null` if nobody did. */
  look_asked?: string | null;
  /** The newest plan. */
  plan?: PlanLine | null;
  /** Other incidents that belong to it. */
  links: LinkLine[];
  /** What people who know said of its causes, the last word on each. */
  judged: JudgedLine[];
  /** Entries in its journal. */
  entries: number;
  /** Digest of the newest. */
  head?: string | null;
  /** Notices that people did not get. */
  untold: Untold[];
};

/** How one inlet stands, since the server was started. */
export type Inlet = {
  /** Its name, as its address has it. */
  name: string;
  /** Whose words it understands. */
  kind: string;
  /** Deliveries that were taken. */
  taken: number;
  /** Deliveries that were known. */
  known: number;
  /** Deliveries whose proof did not hold, or that were for somebody else. */
  refused: number;
  /** Deliveries that could not be read. */
  unreadable: number;
  /** Deliveries that were told to come again. */
  put_off: number;
  /** Alarms that were new. */
  alarms: number;
  /** Changes. */
  changes: number;
  /** When something was taken last; `null` if nothing was. */
  last?: Timestamp | null;
  /** The last that was sent away; `null` if nothing was. */
  last_refused?: RefusedDelivery | null;
};

/** A part of a list, and where the next part begins. */
export type InletList = {
  /** The items of this part. */
  items: Inlet[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** An investigation that somebody asked for. */
export type Investigation = {
  /** Its number, from 1. */
  number: number;
  /** Of what. */
  subject: Subject;
  /** Who asked. */
  by: string;
  /** When it began. */
  started: Timestamp;
  /** When it ended. */
  ended?: Timestamp | null;
  /** How it is going. */
  going: Going;
  /** What it is doing, or did last. */
  step: string;
  /** How many steps it has made. */
  steps: number;
  /** How the report ended, when it is done. */
  status?: Status | null;
  /** Why it failed. */
  why?: string | null;
};

/** A part of a list, and where the next part begins. */
export type InvestigationList = {
  /** The items of this part. */
  items: Investigation[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** Whom to invite. */
export type Invite = {
  /** The account's name; without it whoever comes chooses one. */
  name?: string;
  /** What they will be allowed, by space; `*` stands for every space. */
  roles: Grants;
};

/** A person's word on a cause. */
export type JudgedLine = {
  /** Where. */
  entity: EntityId;
  /** How. */
  mechanism: MechanismId;
  /** Was it a cause? */
  right: boolean;
  /** Who said so. */
  by: string;
};

/** A judgement. */
export type Judgement = {
  /** Which cause of the newest report, from 1; without it all of them. */
  cause?: number | null;
  /** Was it a cause? */
  right: boolean;
};

/** A key with its secret, shown once. */
export type KeyMade = {
  /** The key. */
  key: KeyShown;
  /** What goes into `Authorization: Bearer`. Nobody can see it again. */
  secret: string;
};

/** A key, without its secret. */
export type KeyShown = {
  /** Its public name. */
  id: string;
  /** What its maker calls it. */
  name: string;
  /** Whose it is. */
  person: string;
  /** What it may at most, by space; `*` stands for every space. */
  scopes: Grants;
  /** Since when. */
  made: Timestamp;
  /** When it ends; `null` for never. */
  until?: Timestamp | null;
  /** When it was last used, to within a minute. */
  used?: Timestamp | null;
  /** When it was revoked. */
  revoked?: Timestamp | null;
};

/** A part of a list, and where the next part begins. */
export type KeyShownList = {
  /** The items of this part. */
  items: KeyShown[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** How somebody is known. */
export type KnownBy = "nobody" | "person" | "key";

/** Something wrong that has nothing to do with the symptoms. */
export type Latent = {
  /** Where. */
  entity: EntityId;
  /** The sentence. */
  claim: Claim;
};

/** A cause as it is remembered. */
export type LearnedCause = {
  /** Where. */
  entity: EntityId;
  /** What sort of thing that is. */
  kind: EntityKind;
  /** How. */
  mechanism: MechanismId;
  /** Which of the five. */
  category: Category;
  /** What sort of change did it, if one did. */
  change?: ChangeKind | null;
  /** How sure the report was, 0..1. */
  confidence: number;
  /** Did the recovery that answered it work? `None` where none was tried. */
  cured?: boolean | null;
  /** What a person who knows said: was this a cause? `None` where nobody said anything. */
  confirmed?: boolean | null;
  /** Did a report blame it? Otherwise a person named it, who knew better. */
  blamed?: boolean;
};

/** What one incident taught us. */
export type Lesson = {
  /** Which incident. */
  incident: IncidentId;
  /** When it was learned. */
  at: Timestamp;
  /** The symptom, for people. */
  title: string;
  /** Was there nothing wrong at all? */
  false_alarm: boolean;
  /** The causes. */
  causes: LearnedCause[];
  /** Texts of the log templates that were cited, for likeness. */
  templates?: string[];
  /** Kinds of entities on the way from cause to symptom. */
  path?: EntityKind[];
  /** Shapes of what metrics did: `errors up`, `latency up`. */
  shapes?: string[];
  /** When what happened. */
  milestones: Milestones;
  /** Did a recovery run, and did it work? */
  recovered?: boolean | null;
  /** What put it right, step by step, for people; empty where no recovery worked. */
  put_right?: string[];
  /** What to do next week, sorted. */
  advice: Advice[];
};

/** A part of a list, and where the next part begins. */
export type LessonList = {
  /** The items of this part. */
  items: Lesson[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** One log line. */
export type Line = {
  /** When. */
  time: Timestamp;
  /** Who wrote it. */
  entity: EntityId;
  /** As the record grades it. */
  severity?: Severity | null;
  /** What it says. Whoever sends telemetry chose these words: they are data. */
  body: string;
  /** Structured fields. */
  attributes: Record<string, string>;
  /** Empty if none. */
  trace_id: string;
  /** Empty if none. */
  span_id: string;
};

/** One line of the log. */
export type Line2 = {
  /** Its place. */
  position: number;
  /** When. */
  at: Timestamp;
  /** Who: the account's name; empty if nobody was known. */
  who: string;
  /** How they were known: `person`, `key ID`, `nobody` or `terminal`. */
  via: string;
  /** From which address. */
  address: string;
  /** What: the name of the operation. */
  what: string;
  /** On what: the address of the request. */
  target: string;
  /** How it was answered, as a status of HTTP. */
  status: number;
  /** Why it was refused, as a problem's code; empty if it was done. */
  code: string;
  /** The request's id. */
  request: string;
  /** Refused attempts before this one that were counted and not written down, because there were so many. */
  unwritten: number;
};

/** A part of a list, and where the next part begins. */
export type LineList = {
  /** The items of this part. */
  items: Line2[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** One link of the way in which a failure travelled, from the cause to a symptom. */
export type Link = {
  /** The one that leans (nearer to the symptom). */
  from: EntityId;
  /** The one leaned upon (nearer to the cause). */
  to: EntityId;
  /** How it leans. */
  kind: EdgeKind;
  /** What shows that the failure took this edge. */
  evidence?: EvidenceId[];
};

/** What a one-time link is for. */
export type LinkKind = "setup" | "invitation" | "reset" | "sign_in";

/** Another incident that belongs to this one. */
export type LinkLine = {
  /** Which. */
  incident: IncidentId;
  /** Why. */
  why: string;
};

/** A one-time link, shown once. */
export type LinkMade = {
  /** What it is for. */
  kind: LinkKind;
  /** The address that somebody opens, relative to the page. */
  link: string;
  /** The token in it, for POST /v1/setup. */
  token: string;
};

/** A link that nobody has used yet. */
export type LinkShown = {
  /** What it is for. */
  kind: LinkKind;
  /** For which account; empty where whoever comes may choose the name. */
  name: string;
  /** What they will be allowed. */
  roles: Grants;
  /** Since when. */
  made: Timestamp;
  /** Who made it. */
  by: string;
  /** When it ends. */
  until: Timestamp;
};

/** A part of a list, and where the next part begins. */
export type LinkShownList = {
  /** The items of this part. */
  items: LinkShown[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** A look that ended with a report. */
export type LookEnded = {
  /** Always `investigation_ended`. */
  event: string;
  /** Which time. */
  attempt: number;
  /** What it found. */
  report: ReportHead;
};

/** Names one mechanism of the catalogue, such as `resource.connection-pool-exhausted`. */
export type MechanismId = string;

/** When the incident passed which milestone. */
export type Milestones = {
  /** When it began, at the earliest (the report's onset). */
  began?: Timestamp | null;
  /** When the incident was opened. */
  detected: Timestamp;
  /** When the first report with a verdict stood. */
  investigated?: Timestamp | null;
  /** When somebody, or the policy, said yes. */
  approved?: Timestamp | null;
  /** When fresh telemetry showed that it was over. */
  recovered?: Timestamp | null;
};

/** One step of a way back. */
export type Mitigation = {
  /** What to do, in a word from a closed list: `rollback`, `scale`, `restart`, `failover`, … */
  action: string;
  /** For people: what to prepare and check first. */
  prepare: string;
  /** What to apply. */
  apply: string;
  /** How to know that it worked. */
  verify: string;
  /** The way back from it. */
  roll_back: string;
  /** What could go wrong. */
  risk: string;
  /** Who should say yes. */
  approver: string;
};

/** One entity that the report speaks of. */
export type Named = {
  /** Id. */
  id: EntityId;
  /** What people call it. */
  name: string;
  /** What sort. */
  kind: EntityKind;
};

/** A cause that a person named. */
export type NamedLine = {
  /** Where. */
  entity: EntityId;
  /** How. */
  mechanism: MechanismId;
  /** Who named it. */
  by: string;
  /** When. */
  at: Timestamp;
};

/** Which plan, and why not. */
export type No = {
  /** The plan's digest, whole, as it was shown. */
  plan: string;
  /** Why. */
  why?: string;
};

/** A route that takes nothing beyond its address. */
export type Nothing = Record<string, unknown>;

/** A channel by which people are told, and how it stands since the server was started. */
export type Notifier = {
  /** Its name, such as `slack.ops`. */
  name: string;
  /** What sort it is: `slack`, `pagerduty`, `email`, `github`, `webhook`, `file`, `terminal`. */
  kind: string;
  /** Notices told. */
  told: number;
  /** Notices that wait. */
  waiting: number;
  /** Notices given up: too old, too many, or never taken. */
  given_up: number;
  /** Did its last try succeed? `null` while nothing was tried. */
  works?: boolean | null;
  /** What is wrong with it; `null` while nothing is known to be. */
  trouble?: string | null;
  /** Since when; `null` while nothing is. */
  since?: Timestamp | null;
  /** Tries in a row that failed. */
  tries: number;
};

/** A part of a list, and where the next part begins. */
export type NotifierList = {
  /** The items of this part. */
  items: Notifier[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** How a test ended. */
export type NotifierTested = {
  /** Was it told? */
  told: boolean;
  /** What came of it, for people: where it was not told, why, and what to do. */
  said: string;
};

/** An interval in which something began. */
export type Onset = {
  /** Last seen well. */
  lo: Timestamp;
  /** First seen ill. */
  hi: Timestamp;
};

/** What became of something that was asked for. */
export type Outcome = {
  outcome: "done";
  /** In the actuator's words. */
  detail?: string;
} | {
  outcome: "failed";
  /** In the actuator's words. */
  why: string;
} | {
  outcome: "unknown";
  /** What happened instead of an answer. */
  why: string;
};

/** The password of now, and the one to come. */
export type Passwords = {
  /** Of now. */
  old: string;
  /** To come: 12 characters at least. */
  new: string;
};

/** An account, without what proves it. */
export type Person = {
  /** Its name. */
  name: string;
  /** Roles by space; `*` stands for every space. */
  roles: Grants;
  /** Can they sign in with a password? */
  has_password: boolean;
  /** Since when there is the account. */
  made: Timestamp;
  /** Who made it. */
  by: string;
};

/** A part of a list, and where the next part begins. */
export type PersonList = {
  /** The items of this part. */
  items: Person[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** A series worth looking at, thinned to at most 240 points, with what was marked on it. */
export type Picture = {
  /** What is drawn. */
  title: string;
  /** Whose. */
  entity: EntityId;
  /** Unit of the values. */
  unit: string;
  /** Which evidence it belongs to. */
  evidence: EvidenceId;
  /** Times. */
  times: Timestamp[];
  /** Values. */
  values: number[];
  /** Baseline band [low, high], where one was learned. */
  band?: [number, number] | null;
  /** When it began. */
  onset?: Onset | null;
};

/** Steps approved as one. */
export type Plan = {
  /** For which incident. */
  incident: IncidentId;
  /** Digest of the report that it rests on (its ledger). */
  report: string;
  /** Which try this is, from 1. A plan that failed is never run again under the same number. */
  attempt: number;
  /** The causes that it answers to. */
  basis: Basis[];
  /** In the order in which they are performed; undone in the opposite order. */
  steps: PlannedStep[];
  /** By which we shall know that it worked. */
  expect: Check;
  /** If one of these fails while steps are performed, stop and unwind. */
  stop: Check;
  /** How long after the last step the first verdict may be had. */
  settle: Span;
  /** After this long without success it has failed. */
  patience: Span;
  /** Everyone who would feel it, sorted. */
  touches: EntityId[];
  /** What could go wrong, for people. */
  risks: string[];
};

/** A plan, and the digest that a yes is bound to. */
export type PlanLine = {
  /** BLAKE3 (hex) of the plan as it is stored. */
  digest: string;
  /** The plan. */
  plan: Plan;
};

/** A plan, and how it stands. */
export type PlanShown = {
  /** BLAKE3 (hex) of the plan as it is stored: a yes names it. */
  digest: string;
  /** The plan. */
  plan: Plan;
  /** When it was proposed. */
  proposed: Timestamp;
  /** Can it still be decided: not begun, refused, run out or withdrawn? */
  undecided: boolean;
  /** The gate's last answer. */
  gate?: Answered | null;
  /** Until when people were asked. */
  asked_until?: Timestamp | null;
  /** The yes. */
  approval?: Approval | null;
  /** Yeses that did not suffice. */
  unheeded: Approval[];
  /** The no. */
  refusal?: Refusal | null;
  /** Did the asking run out? */
  expired: boolean;
  /** Was it withdrawn because a newer report leads to no plan? */
  withdrawn: boolean;
  /** When it was begun. */
  run_started?: Timestamp | null;
  /** Step by step. */
  steps: StepShown[];
  /** When and how the performing ended. */
  run_ended?: Ended | null;
  /** The checks so far, in order. */
  verified: Verified[];
};

/** A step: an action, and the way back from it. */
export type PlannedStep = {
  /** What to do. */
  action: Action;
  /** What leads back; `None` where there is no way back. */
  undo?: Action | null;
  /** Who performs it: an actuator's name. */
  actuator: string;
  /** What is so now, and what would be so, for people. */
  before: string;
  /** See `before`. */
  after: string;
  /** Does it destroy nothing and have a way back? */
  harmless: boolean;
  /** Why: the claim in the report that it answers to. */
  because: string;
};

/** One point. */
export type Point = {
  /** When. */
  time: Timestamp;
  /** How much, in the series' unit. */
  value: number;
};

/** One series, or the part of it inside of the window. */
export type Points = {
  /** Which. */
  series: SeriesKey;
  /** Its points, the oldest first. */
  points: Point[];
};

/** What an observation does to the hypothesis that cites it. */
export type Polarity = "for" | "against" | "absent" | "healthy" | "neutral";

/** The policy as it stands. */
export type Policy = {
  /** The name of one that comes with the program, or the file that the configuration names. */
  name: string;
  /** Its text, in Cedar. */
  text: string;
  /** Why it permits nothing, if it cannot be read. */
  wrong?: PolicyWrong | null;
  /** The hard rules. */
  rules: HardRules;
  /** Who is known to the gate, sorted. */
  people: string[];
  /** Those that come with the program: name, and text. */
  samples: PolicySample[];
};

/** A policy that comes with the program. */
export type PolicySample = {
  /** Its name, for `[act] policy`. */
  name: string;
  /** Its text, in Cedar. */
  text: string;
};

/** What is wrong with a policy's text. */
export type PolicyWrong = {
  /** Line, from 1; `null` where it is about the whole. */
  line?: number | null;
  /** Column in that line, in characters from 1. */
  column?: number | null;
  /** What. */
  what: string;
};

/** An earlier incident that looked alike. Shown, never decisive. */
export type Precedent = {
  /** Its case. */
  case: string;
  /** When it was learned. */
  at: Timestamp;
  /** How alike it is, its age counted, 0..1. */
  similarity: number;
  /** What it turned out to be. */
  was: string;
  /** What put it right; empty where nothing is known to have. */
  put_right?: string;
  /** What is alike, the weightiest first. */
  alike: Alike[];
  /** The same as a sentence, with the lesson that it stands on. */
  claim: Claim;
};

/** One prediction, and what became of it. */
export type Prediction = {
  /** `must`, `may` or `must_not`. */
  force: string;
  /** What was predicted, for people. */
  text: string;
  /** What became of it. */
  outcome: PredictionOutcome;
  /** What shows it. */
  evidence?: EvidenceId[];
};

/** How a prediction of a mechanism fared. */
export type PredictionOutcome = "met" | "unmet" | "untested";

/** A plan that was made for nobody to say yes to. */
export type Proposal = {
  /** Digest of the report that it rests on (its ledger). */
  report: string;
  /** The plan; `null` if there is none. */
  plan?: Plan | null;
  /** Why there is none, cause by cause. */
  why: string[];
};

/** A question in vendor-free words. Every piece of evidence carries the one that it answers, so that anyone can ask again. */
export type Query = {
  ask: "metric";
  /** Whose. */
  entity: EntityId;
  /** Metric name as its source writes it. */
  metric: string;
  /** Statistic; empty for none. */
  statistic?: string;
  /** When. */
  window: TimeWindow;
} | {
  ask: "logs";
  /** Whose; `None` for everyone. */
  entity?: EntityId | null;
  /** A template's text with typed slots, or a regular expression between slashes; empty for all. */
  pattern?: string;
  /** When. */
  window: TimeWindow;
} | {
  ask: "traces";
  /** Whose. */
  entity: EntityId;
  /** The calling end, when the question is about an edge. */
  caller?: EntityId | null;
  /** Operation; empty for all. */
  operation?: string;
  /** When. */
  window: TimeWindow;
} | {
  ask: "change";
  /** Its id. */
  id: string;
} | {
  ask: "changes";
  /** When. */
  window: TimeWindow;
} | {
  ask: "state";
  /** Whose. */
  entity: EntityId;
  /** Document kind. */
  kind: string;
  /** Dotted path with `*`; empty for the document. */
  path?: string;
} | {
  ask: "events";
  /** About whom; `None` for everyone. */
  entity?: EntityId | null;
  /** A regular expression over `reason message`; empty for all. */
  pattern?: string;
  /** When. */
  window: TimeWindow;
} | {
  ask: "alarm";
  /** Its id. */
  id: string;
} | {
  ask: "topology";
  /** Around whom. */
  entity: EntityId;
} | {
  ask: "lesson";
  /** Which. */
  incident: IncidentId;
};

/** One question that was asked. */
export type QueryRun = {
  /** What. */
  query: Query;
  /** `found`, `nothing` or `could_not_look`. */
  answer: string;
  /** Rows read. */
  rows: number;
};

/** A person's question. */
export type Question = {
  /** In their words. */
  question: string;
};

/** What is asked. */
export type Question2 = {
  /** A query of the kind `metric`, `logs` or `traces`: one of a report's own does. */
  query: Query;
  /** Rows at most, from 1 to 5,000; 500 if nothing is said. */
  rows?: number | null;
};

/** What is to be quiet, for how long, and why. */
export type Quiet = {
  /** Alarms about this entity; without it about all. */
  entity?: string | null;
  /** Alarms of this rule; without it of all. */
  rule?: string | null;
  /** For how many seconds: at most 30 days. */
  seconds: number;
  /** Why. */
  why: string;
};

/** One entity of the ranking, best first. */
export type Ranked = {
  /** Who. */
  entity: EntityId;
  /** Best hypothesis about it. */
  mechanism?: MechanismId | null;
  /** The change that this hypothesis blames. */
  change?: string | null;
  /** Nats. */
  score: number;
  /** 0..1. */
  confidence: number;
};

/** Where a row stands in the recording: a person can open the file at that line. */
export type RawRef = {
  /** Path within the recording. */
  file: string;
  /** Line (text) or row (tables, arrays), counted from 1. */
  line: number;
};

/** What it really was. */
export type RealCause = {
  /** Where: an entity, named whole. */
  entity: string;
  /** How: the id of a mechanism, as `GET …/mechanisms` lists them. */
  mechanism: string;
  /** Was it a cause beside those that the newest report blames? Else these are judged wrong, and what was named before is taken back. */
  beside?: boolean;
  /** May the entity be one that nobody has heard of here? */
  unseen?: boolean;
};

/** Why. */
export type Reason = {
  /** Why, up to 4,000 characters. */
  why: string;
};

/** What became of a delivery that was taken. */
export type Receipt = {
  /** It was here before, and altered nothing now. */
  known: boolean;
  /** Alarms in it that are new; they are written down, and brought to the watch. */
  alarms: number;
  /** Changes in it. */
  changes: number;
  /** People's answers to plans in it. */
  answers: number;
  /** What else there is to say; empty if nothing. */
  remark: string;
};

/** A recording that is kept. */
export type Recording = {
  /** Its name. */
  name: string;
  /** When it was sent. */
  at: Timestamp;
  /** By whom. */
  by: string;
  /** Bytes, packed. */
  bytes: number;
  /** BLAKE3 (hex) of the archive. */
  digest: string;
  /** Its title, as its head has it. */
  title: string;
  /** Can it be investigated and passed on? Its check says why not. */
  sound: boolean;
  /** What `midwatch recording show --format json` tells of it. */
  holds: unknown;
  /** What `midwatch recording check --format json` tells of it. */
  check: unknown;
};

/** A recording in a line. */
export type RecordingLine = {
  /** Its name. */
  name: string;
  /** When it was sent. */
  at: Timestamp;
  /** By whom. */
  by: string;
  /** Bytes, packed. */
  bytes: number;
  /** BLAKE3 (hex) of the archive. */
  digest: string;
  /** Its title, as its head has it. */
  title: string;
  /** Can it be investigated and passed on? */
  sound: boolean;
  /** Is there a report of it? */
  investigated: boolean;
};

/** A part of a list, and where the next part begins. */
export type RecordingLineList = {
  /** The items of this part. */
  items: RecordingLine[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** How often a window comes again. */
export type Recurrence = "once" | "daily" | "weekly";

/** A person's no. */
export type Refusal = {
  /** Who. */
  by: string;
  /** Why. */
  why: string;
};

/** A delivery that was sent away. */
export type RefusedDelivery = {
  /** When. */
  at: Timestamp;
  /** Why, for people. */
  why: string;
};

/** A remark. */
export type Remark = {
  /** What, up to 4,000 characters. */
  text: string;
};

/** What was removed. */
export type Removed = {
  /** Its name. */
  removed: string;
};

/** What happened, why we think so, what we do not know, what could be done. */
export type Report = {
  /** `midwatch.report/1`. */
  schema: string;
  /** Head. */
  header: Header;
  /** The verdict in at most five sentences. */
  verdict: Claim[];
  /** The alarms as they arrived. */
  alarms: Alarm[];
  /** Who is hurt. */
  impact: Claim[];
  /** What is wrong. */
  symptoms: Symptom[];
  /** Causes, the surest first; more than one only if they are needed together. */
  causes: Cause[];
  /** Runners-up: hypotheses that were not chosen, best first. */
  ranking: Ranked[];
  /** What was put aside, and why. */
  ruled_out: RuledOut[];
  /** Wrong, but not here and now. */
  latent: Latent[];
  /** What stays unexplained. */
  unknown?: UnknownScope | null;
  /** What could not be seen, dearest first. */
  gaps: GapCost[];
  /** In order of time. */
  timeline: TimelineEntry[];
  /** Nearest earlier incidents. */
  precedents: Precedent[];
  /** For people who look rather than read. */
  pictures: Picture[];
  /** Every entity spoken of. */
  entities: Named[];
  /** Everything that was observed and cited. */
  evidence: Evidence[];
  /** Everything that was asked. */
  queries: QueryRun[];
  /** What it cost. */
  cost: Cost;
  /** What the live sources were asked in their own words, as far as something here stands on it, and what that cost them. */
  sources?: SourceLook[];
  /** BLAKE3 (hex) of all evidence, in order, and of the lessons that were handed in, if any were. */
  ledger: string;
};

/** A report's head, and where the whole of it lies. */
export type ReportHead = {
  /** Its digest (BLAKE3, hex): what plans and `report?digest=` name it by. */
  ledger: string;
  /** Where the whole of it lies. */
  href: string;
  /** Its head. */
  header: Header;
  /** Its first lines. */
  verdict: Claim[];
};

/** What somebody is in a space. Each may do what the ones before it may, and more. */
export type Role = "viewer" | "responder" | "approver" | "admin";

/** Roles that somebody is to have. */
export type Roles = {
  /** By space; `*` stands for every space. */
  roles: Grants;
};

/** A hypothesis that was put aside, with the evidence that says so. */
export type RuledOut = {
  /** Where. */
  entity: EntityId;
  /** How; `None` when it is about the entity as such. */
  mechanism?: MechanismId | null;
  /** Which change, when it is about one. */
  change?: string | null;
  /** `healthy`, `began_after`, `rolled_back`, `no_path`, `cannot_produce`, `explained`, `victim`, `transient`, `prediction_failed`. */
  reason: string;
  /** The sentence. */
  claim: Claim;
};

/** How the performing of a plan ended. */
export type RunEnd = {
  run: "completed";
} | {
  run: "unwound";
  /** Why. */
  why: string;
} | {
  run: "stuck";
  /** Why. */
  why: string;
};

/** What came of a deed, in a sentence. */
export type Said = {
  /** For people. */
  said: string;
};

/** The score of a hypothesis in nats, term by term (ENGINE.md, S3). */
export type Score = {
  /** logit of the prior. */
  prior: number;
  /** Signatures. */
  signature: number;
  /** Changes. */
  change: number;
  /** What the entity does beyond what its dependencies explain. */
  anomaly: number;
  /** Order in time. */
  timing: number;
  /** Affected against unaffected. */
  difference: number;
  /** Precedents. */
  history: number;
  /** What speaks against, positive. */
  against: number;
  /** The sum. */
  total: number;
};

/** A problem as it is sent (RFC 9457, `application/problem+json`). */
export type Sent = {
  /** Where this kind of problem is explained, relative to the server. */
  type: string;
  /** What happened, in general. */
  title: string;
  /** The status. */
  status: number;
  /** What happened in this case. */
  detail: string;
  /** The code: programs go by it. */
  code: string;
  /** The request's id, as the log has it. */
  request: string;
};

/** Which series: one entity's one metric, as one statistic. */
export type SeriesKey = {
  /** Whose. */
  entity: EntityId;
  /** The metric's own name, as its source writes it. */
  metric: string;
  /** `Average`, `Sum`, `p99`, …; empty where the source has none. */
  statistic?: string;
  /** UCUM-like unit where known: `ms`, `s`, `By`, `%`, `1`; empty where not. */
  unit?: string;
  /** Further dimensions. */
  labels?: Record<string, string>;
};

/** Who somebody is, and what they may. */
export type Session = {
  /** The account's name; empty if nobody is known. */
  name: string;
  /** How they are known. */
  kind: KnownBy;
  /** Roles by space; `*` stands for every space. */
  roles: Grants;
  /** The greatest of them. */
  role?: Role | null;
  /** What goes into `X-CSRF-Token` with whatever alters something; `null` without a session. */
  csrf?: string | null;
  /** When what lets them in ends at the latest. */
  until?: Timestamp | null;
};

/** A one-time link, and what it needs. */
export type SetUp = {
  /** What stands last in the link. */
  token: string;
  /** The name of the new account, where the link does not say it. */
  name?: string;
  /** The new password; a link that only signs in needs none. */
  password?: string;
};

/** How bad a line says it is. Ordered from harmless to fatal. */
export type Severity = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

/** What signs somebody in: name and password. */
export type SignIn = {
  /** The account's name. */
  name: string;
  /** Its password. */
  password: string;
};

/** A silence, and whether it is quiet now. */
export type SilenceShown = {
  /** Unique. */
  id: string;
  /** Pattern for the alarm's entity; `None` for all. */
  entity?: string | null;
  /** Pattern for the alarm's rule; `None` for all. */
  rule?: string | null;
  /** Pattern for each label named; an alarm without that label does not match. */
  labels?: Record<string, string>;
  /** When it begins, the first time. */
  from: Timestamp;
  /** When it ends, the first time. */
  until: Timestamp;
  /** Whether it comes again. */
  every?: Recurrence;
  /** Who ordered it. */
  by: string;
  /** Why. */
  why: string;
  /** When a person ended it for good; `None` while it stands. */
  ended?: Timestamp | null;
  /** Who ended it; `None` while it stands, and where nobody wrote it down. */
  ended_by?: string | null;
  /** Until when it is quiet; `null` if it is not quiet now. */
  quiet_until?: Timestamp | null;
};

/** A part of a list, and where the next part begins. */
export type SilenceShownList = {
  /** The items of this part. */
  items: SilenceShown[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** What the gate would say. */
export type Simulated = {
  /** The plan's digest. */
  plan: string;
  /** When it was asked. */
  at: Timestamp;
  /** The answer. */
  answer: GateAnswer;
  /** What is wrong with the policy that was supposed; nothing is permitted then. */
  wrong?: PolicyWrong | null;
};

/** Which kind of source an observation comes from. Two independent kinds are needed for "confirmed". */
export type SourceKind = "metrics" | "logs" | "traces" | "changes" | "state" | "events" | "topology" | "alarm" | "lessons";

/** What one source brought to a case. */
export type SourceLook = {
  /** The source, as the configuration names it: `prometheus.main`. */
  name: string;
  /** The language of its questions: `PromQL`, `LogQL`, `TraceQL`. */
  language: string;
  /** Where it is asked. */
  address: string;
  /** Milliseconds between the points that it was asked for; 0 where it has none. */
  step_ms?: number;
  /** What the look cost it. */
  spent?: Spent;
  /** What it was asked; sorted by (entity, metric, statistic, text). */
  asked?: Asked[];
};

/** One space. */
export type SpaceShown = {
  /** Its name, as addresses have it. */
  id: string;
  /** Why it could not be started, and what to do; `null` while it keeps watch. */
  closed?: string | null;
};

/** A part of a list, and where the next part begins. */
export type SpaceShownList = {
  /** The items of this part. */
  items: SpaceShown[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** A length of time in nanoseconds (may be negative). */
export type Span = number;

/** OpenTelemetry's span kinds. */
export type SpanKind = "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";

/** One span. */
export type SpanLine = {
  /** As written. */
  trace_id: string;
  /** As written. */
  span_id: string;
  /** Empty for a root. */
  parent_id: string;
  /** Who did the work. */
  entity: EntityId;
  /** Operation. */
  name: string;
  /** Which end. */
  kind: SpanKind;
  /** Began. */
  start: Timestamp;
  /** Ended. */
  end: Timestamp;
  /** Did it say that it failed? */
  error: boolean;
  /** What it said of the failure. */
  message: string;
  /** The other end as the span names it. */
  peer: string;
  /** Further attributes. */
  attributes: Record<string, string>;
};

/** What a look cost one source. */
export type Spent = {
  /** Requests that were sent, those that were sent again included. */
  requests?: number;
  /** Requests that were sent again. */
  retries?: number;
  /** Bytes of answers. */
  bytes?: number;
  /** What that costs by the price list, in millionths of a US dollar; 0 where asking costs nothing. */
  micro_usd?: number;
};

/** Whether the program is alive, or does its work. */
export type Standing = {
  /** `ok`. */
  status: string;
  /** The parts that do not work now, by name. What is wrong with them stands in the log. */
  troubled: string[];
};

/** What was computed from the rows that a query returned. */
export type Statistic = {
  /** The function's name, such as `shift`, `template_rate`, `edge_errors`. `investigate::derive` knows each. */
  name: string;
  /** What the function was told beyond the query: a second window, a regular expression, a limit. */
  arguments?: Record<string, string>;
  /** What it found. */
  values?: Record<string, Value>;
};

/** How the investigation ended. */
export type Status = "cause_found" | "unknown" | "recovered" | "no_active_fault";

/** Names one performance of one step, so that no actuator performs it twice (J2). */
export type StepKey = string;

/** How one step stands. */
export type StepShown = {
  /** Was it begun? */
  begun: boolean;
  /** What became of it; `null` while nothing was heard. */
  outcome?: Outcome | null;
  /** What became of its undoing. */
  undone?: Outcome | null;
  /** How often it was begun. */
  tries: number;
};

/** What is investigated. */
export type Subject = {
  recording: string;
} | {
  incident: IncidentId;
};

/** How one incident stands. */
export type Summary = {
  /** Its name. */
  id: IncidentId;
  /** The symptom in a line. */
  title: string;
  /** How it stands, in a few words: `waits for a yes`. */
  standing: string;
  /** When it was opened. */
  opened: Timestamp;
  /** When it was closed. */
  closed?: Timestamp | null;
  /** Does one of its alarms fire? */
  firing: boolean;
  /** Its alarms, as they came. */
  alarms: Alarm[];
  /** What the newest report blames, the surest first. */
  causes: CauseLine[];
  /** What people say that it really was, where no report had blamed it. */
  named: NamedLine[];
  /** Who asked for a fresh look that was not begun yet; `null` if nobody did. */
  look_asked?: string | null;
  /** The newest plan. */
  plan?: PlanLine | null;
  /** Other incidents that belong to it. */
  links: LinkLine[];
  /** What people who know said of its causes, the last word on each. */
  judged: JudgedLine[];
  /** Entries in its journal. */
  entries: number;
  /** Digest of the newest. */
  head?: string | null;
};

/** A part of a list, and where the next part begins. */
export type SummaryList = {
  /** The items of this part. */
  items: Summary[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** What is supposed. What is not said is as it stands. */
export type Supposition = {
  /** The incident whose newest plan is asked about, by its whole name. */
  incident?: string;
  /** Another policy: the name of one that comes with the program, or a text in Cedar. */
  policy?: string | null;
  /** Who has said yes; `null` for nobody. */
  approved_by?: string | null;
  /** When the gate is asked; without it when the plan was proposed. */
  at?: Timestamp | null;
  /** Another least confidence, 0 to 1. */
  min_confidence?: number | null;
  /** Another number of entities that a plan may touch. */
  max_touched?: number | null;
};

/** Something that is wrong, as seen from outside. */
export type Symptom = {
  /** Who shows it. */
  entity: EntityId;
  /** What it is, as a closed word: `latency`, `errors`, `traffic`, `saturation`, `state`, … */
  aspect: string;
  /** When it began. */
  onset: Onset;
  /** Still there when we looked? */
  active: boolean;
  /** How large, in robust standard deviations or the nearest thing to it. */
  size: number;
  /** The sentence. */
  claim: Claim;
};

/** Into which. */
export type Target = {
  /** The other incident, named whole. */
  into: string;
};

/** A half-open span of time `[from, to)`. INVARIANT: from < to. */
export type TimeWindow = {
  from: Timestamp;
  to: Timestamp;
};

/** One line of the timeline. */
export type TimelineEntry = {
  /** When. */
  at: Timestamp;
  /** Until when, for what lasts. */
  until?: Timestamp | null;
  /** `change`, `onset`, `event`, `alarm`, `recovery`, `gap`. */
  kind: string;
  /** Whose. */
  entity?: EntityId | null;
  /** The sentence. */
  claim: Claim;
};

/** What happened, without whole reports. */
export type TimelineEvent = LookEnded | IncidentEvent;

/** One entry of the journal, and what it says in a sentence. A report is told by its head and where it lies. */
export type TimelineLine = {
  /** Its place in the incident's list, from 1. */
  seq: number;
  /** When it was written down. */
  at: Timestamp;
  /** What happened. */
  event: TimelineEvent;
  /** BLAKE3 (hex) of the entry before; of the incident's id for the first. */
  previous: string;
  /** BLAKE3 (hex) of the entry as the journal holds it, reports whole (`midwatch journal export`). */
  digest: string;
  /** The entry in one sentence, for people. */
  said: string;
};

/** A part of a list, and where the next part begins. */
export type TimelineLineList = {
  /** The items of this part. */
  items: TimelineLine[];
  /** To be given as `cursor` for the next part; `null` if this was the last. */
  next?: string | null;
};

/** RFC 3339, UTC */
export type Timestamp = string;

/** Entities and edges as known at one time, sorted by id. */
export type Topology = {
  /** Sorted by id, no duplicates. */
  entities: Entity[];
  /** Sorted by (from, to, kind), no duplicates. */
  edges: Edge[];
};

/** The smallest part of the system that holds a fault which could not be named. */
export type UnknownScope = {
  /** Its entities, sorted. */
  entities: EntityId[];
  /** Symptoms that stay unexplained (indexes into `symptoms`). */
  symptoms: number[];
  /** What is known of it. */
  claim: Claim;
  /** Reads that would separate the leaders, best first. */
  reads: string[];
};

/** A notice that did not reach somebody. */
export type Untold = {
  /** What it is about: `opened`, `verdict`, `approval_wanted`, … */
  notice: string;
  /** Who should have delivered it. */
  channel: string;
  /** How often that was tried. */
  tries: number;
  /** Why it failed, the last time. */
  why: string;
};

/** A value in a statistic. */
export type Value = number | string | boolean;

/** Fresh telemetry, held against the plan's check. */
export type Verified = {
  /** When. */
  at: Timestamp;
  /** Did all of it hold? */
  passed: boolean;
  /** One by one. */
  checks: Checked[];
};

/** A key to be made. */
export type Wanted = {
  /** What to call it, such as the program that will have it. */
  name: string;
  /** What it may at most, by space; `*` stands for every space. */
  scopes: Grants;
  /** After how many days it ends; `null` for never, 90 if nothing is said. */
  days?: number | null;
};

/** How one may sign in. */
export type Ways = {
  /** What the button says that leads to the provider; `null` where there is none. */
  oidc?: string | null;
};

/** With which, and why. */
export type With = {
  /** The other incident, named whole. */
  with: string;
  /** Why. */
  why: string;
};

/** How sure, in a word. */
export type Word = "possible" | "probable" | "confirmed";

/** Which plan. */
export type Yes = {
  /** The plan's digest, whole, as it was shown. */
  plan: string;
};
