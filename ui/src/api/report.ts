// The report, as docs/schemas/report.schema.json describes it. Only what the page reads is named here.

export type Timestamp = string;
export type EntityId = string;

export interface Onset {
  lo: Timestamp;
  hi: Timestamp;
}
export interface TimeWindow {
  from: Timestamp;
  to: Timestamp;
}
export interface Claim {
  id: string;
  text: string;
  evidence: string[];
}
export type Status = 'cause_found' | 'unknown' | 'recovered' | 'no_active_fault';
export interface Alarm {
  id: string;
  source?: string;
  rule: string;
  entity: EntityId;
  metric?: string | null;
  statistic?: string | null;
  threshold?: number | null;
  observed?: number | null;
  fired_at: Timestamp;
  severity?: string | null;
  state?: 'firing' | 'resolved' | 'no_data';
  summary?: string;
}
export interface Symptom {
  entity: EntityId;
  aspect: string;
  onset: Onset;
  active: boolean;
  size: number;
  claim: Claim;
}
export interface Prediction {
  force: string;
  text: string;
  outcome: 'met' | 'unmet' | 'untested';
  evidence?: string[];
}
export interface Link {
  from: EntityId;
  to: EntityId;
  kind: string;
  evidence?: string[];
}
export interface Mitigation {
  action: string;
  prepare: string;
  apply: string;
  verify: string;
  roll_back: string;
  risk: string;
  approver: string;
}
export interface Cause {
  entity: EntityId;
  mechanism: string;
  title: string;
  category: string;
  change?: string | null;
  word: 'possible' | 'probable' | 'confirmed';
  confidence: number;
  caps?: string[];
  onset?: Onset | null;
  claim: Claim;
  supports: Claim[];
  contradicts: Claim[];
  predictions: Prediction[];
  path: Link[];
  mitigations: Mitigation[];
}
export interface Ranked {
  entity: EntityId;
  mechanism?: string | null;
  change?: string | null;
  score: number;
  confidence: number;
}
export interface RuledOut {
  entity: EntityId;
  mechanism?: string | null;
  reason: string;
  claim: Claim;
}
export interface GapCost {
  wanted: string;
  entity?: EntityId | null;
  why: string;
  detail?: string;
  affects: string[];
  gain: number;
  how_to_close?: string;
}
export interface TimelineEntry {
  at: Timestamp;
  until?: Timestamp | null;
  kind: string;
  entity?: EntityId | null;
  claim: Claim;
}
export interface Picture {
  title: string;
  entity: EntityId;
  unit: string;
  evidence: string;
  times: Timestamp[];
  values: number[];
  band?: [number, number] | null;
  onset?: Onset | null;
}
export type Query = { ask: string; window?: TimeWindow } & Record<string, unknown>;
export interface Evidence {
  id: string;
  source: string;
  entity?: EntityId | null;
  query: Query;
  window?: TimeWindow | null;
  statistic: {
    name: string;
    arguments?: Record<string, string>;
    values?: Record<string, number | string | boolean>;
  };
  polarity: 'for' | 'against' | 'absent' | 'healthy' | 'neutral';
  weight?: number;
  quality: number;
  says: string;
  raw?: { file: string; line: number }[];
  digest: string;
}
export interface Report {
  schema: string;
  header: {
    case: string;
    title: string;
    status: Status;
    severity?: string | null;
    started?: Onset | null;
    detected?: Timestamp | null;
    resolved?: Onset | null;
    looked_at: Timestamp;
    window: TimeWindow;
    engine: { version: string; rules: string };
    budget: { reads: number };
  };
  verdict: Claim[];
  alarms: Alarm[];
  impact: Claim[];
  symptoms: Symptom[];
  causes: Cause[];
  ranking: Ranked[];
  ruled_out: RuledOut[];
  latent: { entity: EntityId; claim: Claim }[];
  unknown?: { entities: EntityId[]; symptoms: number[]; claim: Claim; reads: string[] } | null;
  gaps: GapCost[];
  timeline: TimelineEntry[];
  precedents: { case: string; similarity: number; was: string }[];
  pictures: Picture[];
  entities: { id: EntityId; name: string; kind: string }[];
  evidence: Evidence[];
  cost: { reads: number; rows: number; bytes: number };
  ledger: string;
}
