// What the API answers: the JSON that the command of the same name prints with `--format json`.
// generated.ts has what docs/api/openapi.json describes. By hand stand what is described there as any JSON, and what the page
// must read also from a server that is newer than itself: actions, conditions and events that it has no word for yet.
// tests/contract.test.ts holds the fixtures against the description, so that what the page is tested on is what the API
// gives. Nothing outside of src/api names a route.
import type { Checked, Event, GateAnswer, Lesson, Outcome, Plan } from './generated';
import type { Alarm, EntityId, Query, Report, Timestamp, TimeWindow } from './report';

export type {
  Advice,
  AlarmShown as AlarmRow,
  Begins,
  Change,
  Checked,
  Delivery,
  Edge,
  Entity,
  GateAnswer,
  IncidentShown as Summary,
  Inlet,
  Investigation,
  Lesson,
  Notifier as Channel,
  NotifierTested as Tested,
  Outcome,
  Plan,
  PlannedStep,
  Policy,
  RecordingLine,
  SilenceShown as Silence,
  Simulated,
  SpaceShown as Space,
  Supposition,
  Topology,
  Ways,
} from './generated';

export interface Page<T> {
  items: T[];
  next?: string | null;
}

export type Action = { do: string } & Record<string, unknown>;
export type Condition = { that: string } & Record<string, unknown>;
// The entries of a journal, as far as the page has words for them; one that is new to it is told by `said`.
/** The head of a report; the whole is asked for by its digest. */
export type Looked = Pick<Report, 'ledger' | 'header' | 'verdict'>;
export type IncidentEvent =
  | { event: 'opened'; alarm: Alarm }
  | { event: 'alarm_joined'; alarm: Alarm; because: string[] }
  | { event: 'alarm_turned'; state: string }
  | { event: 'flapping'; turns: number }
  | { event: 'silenced'; by: string; why: string; until: Timestamp }
  | { event: 'noted'; by: string; text: string }
  | { event: 'investigation_started'; attempt: number; window: TimeWindow }
  | { event: 'looked'; at: string }
  | { event: 'investigation_ended'; attempt: number; report: Looked }
  | { event: 'investigation_failed'; attempt: number; why: string }
  | { event: 'linked'; incident: string; why: string }
  | { event: 'split_off'; incident: string; by: string }
  | { event: 'cause_judged'; entity: EntityId; mechanism: string; right: boolean; by: string }
  | { event: 'cause_named'; entity: EntityId; mechanism: string; instead: boolean; by: string }
  | { event: 'look_asked'; by: string }
  | { event: 'plan_proposed'; plan: Plan }
  | { event: 'plan_kept'; plan: string }
  | { event: 'no_plan'; why: string[] }
  | { event: 'gate_answered'; plan: string; answer: GateAnswer }
  | { event: 'approval_asked'; plan: string; until: Timestamp }
  | { event: 'approved'; approval: { plan: string; by: string; at: Timestamp; until: Timestamp } }
  | { event: 'refused'; plan: string; by: string; why: string }
  | { event: 'approval_expired'; plan: string }
  | { event: 'run_started'; plan: string }
  | { event: 'step_started'; plan: string; step: number; key: string }
  | { event: 'step_ended'; plan: string; step: number; outcome: Outcome }
  | { event: 'undo_started'; plan: string; step: number; key: string }
  | { event: 'undo_ended'; plan: string; step: number; outcome: Outcome }
  | {
      event: 'run_ended';
      plan: string;
      end: { run: 'completed' } | { run: 'unwound' | 'stuck'; why: string };
    }
  | { event: 'verified'; plan: string; passed: boolean; checks: Checked[] }
  | { event: 'handed_over'; why: string }
  | { event: 'lesson_learned'; lesson: Lesson }
  | { event: 'closed'; ending: { how: string; into?: string }; by?: string };
export interface Entry {
  seq: number;
  at: Timestamp;
  event: IncidentEvent;
  /** The entry in one sentence, for events that this page does not know. */
  said?: string;
}

/** One piece of evidence again; where the server can tell them, with the rows behind it, as `midwatch explain` does. */
export interface Explained {
  id: string;
  asked?: string;
  rows?: { file: string; line: number; text?: string; why_not?: string }[];
  points?: { time: Timestamp; value: number }[];
}
export interface Reply {
  understood: string;
  question: { about: string; entity?: EntityId | null; window: TimeWindow };
  lines: { text: string; query: Query }[];
  more: number;
  gaps: { wanted: string; why: string; how_to_close?: string }[];
}
/** Nanoseconds, over so many incidents. */
export interface Spread {
  count: number;
  mean: number;
  p50: number;
  p95: number;
}
export interface Share {
  hits: number;
  of: number;
}
export interface Stats {
  incidents: number;
  detect: Spread;
  investigate: Spread;
  recover: Spread;
  approved_to_recovered: Spread;
  recovery: Share;
  false_alarms: Share;
  labelled: number;
  mechanisms: Record<string, number>;
  /** Causes blamed of which the truth is known, and how many were causes. */
  right?: Share;
  /** Causes that are certain, and how many of them a report blamed. */
  found?: Share;
  /** How sure reports were, beside what was true. */
  calibration?: { from: number; to: number; stated: number; share: Share }[];
}
/** One line of `midwatch doctor`. */
export interface Finding {
  what: string;
  stands: 'ok' | 'missing' | 'broken';
  said: string;
  to_do: string;
}
export interface Mechanism {
  id: string;
  title: string;
  category: string;
  nature: string;
  summary: string;
}
/** What `/readyz` tells while all is well. */
export interface Ready {
  status: string;
  troubled: string[];
}
export interface Session {
  /** Empty where nobody is known, and everybody on the machine may read. */
  name: string;
  kind?: 'nobody' | 'person' | 'key';
  role?: string | null;
  /** By space; `*` stands for every one. */
  roles?: Record<string, string>;
  /** Sent back in a header with everything that alters something. */
  csrf?: string | null;
}
/** What came of a deed, in a sentence. */
export interface Said {
  said?: string;
}
/** Somebody who may sign in. */
export interface Person {
  name: string;
  /** By space; `*` stands for every one. */
  roles: Record<string, string>;
  has_password: boolean;
  made: Timestamp;
  by: string;
}
/** A one-time link that nobody has used yet. */
export interface Invitation {
  kind: string;
  name: string;
  roles: Record<string, string>;
  made: Timestamp;
  by: string;
  until: Timestamp;
}
export interface LinkMade {
  kind: string;
  /** Relative to the page. */
  link: string;
  token: string;
}
export interface ApiKey {
  id: string;
  name: string;
  person: string;
  scopes: Record<string, string>;
  made: Timestamp;
  until?: Timestamp | null;
  used?: Timestamp | null;
  revoked?: Timestamp | null;
}
/** What two reports saw differently. */
export interface Compared {
  left: string;
  right: string;
  same: boolean;
  differences: { part: string; about: string; before?: string | null; after?: string | null }[];
}

/** What an event stream says: something was written into an incident's journal. */
export type Notice = Pick<Event, 'incident' | 'seq' | 'kind'>;
