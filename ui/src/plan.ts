// How a plan stands: read from the journal's entries, which are the truth, rather than from a summary of them.
import type { Checked, Entry, GateAnswer, Outcome } from './api/shapes';

export interface StepStands {
  begun: boolean;
  outcome: Outcome | null;
  undoing: boolean;
  undone: Outcome | null;
}
export interface PlanStands {
  digest: string;
  gate: GateAnswer | null;
  /** Whom the gate named when it asked; kept when it later says go. */
  who: string[] | null;
  askedUntil: string | null;
  approvedBy: string | null;
  approvedAt: string | null;
  refused: { by: string; why: string } | null;
  expired: boolean;
  withdrawn: string[] | null;
  running: boolean;
  ended: { run: string; why: string; at: string } | null;
  steps: StepStands[];
  checks: { at: string; passed: boolean; checks: Checked[] }[];
}

/** Folds what concerns the plan of that digest. */
export function plan(digest: string, steps: number, entries: readonly Entry[]): PlanStands {
  const stands: PlanStands = {
    digest,
    gate: null,
    who: null,
    askedUntil: null,
    approvedBy: null,
    approvedAt: null,
    refused: null,
    expired: false,
    withdrawn: null,
    running: false,
    ended: null,
    steps: Array.from({ length: steps }, () => ({
      begun: false,
      outcome: null,
      undoing: false,
      undone: null,
    })),
    checks: [],
  };
  let mine = false;
  for (const { event, at } of entries) {
    if (event.event === 'no_plan' && mine && !stands.running && !stands.ended) stands.withdrawn = event.why;
    if (event.event === 'approved') {
      if (event.approval.plan !== digest) continue;
      stands.approvedBy = event.approval.by;
      stands.approvedAt = event.approval.at;
      continue;
    }
    if (!('plan' in event) || event.plan !== digest) continue;
    mine = true;
    const step = 'step' in event ? stands.steps[event.step] : undefined;
    switch (event.event) {
      case 'gate_answered':
        stands.gate = event.answer;
        if (event.answer.gate === 'ask') stands.who = event.answer.who ?? [];
        break;
      case 'approval_asked':
        stands.askedUntil = event.until;
        // The gate asks again where a yes did not suffice: that yes counts no longer.
        stands.approvedBy = null;
        stands.approvedAt = null;
        break;
      case 'refused':
        stands.refused = { by: event.by, why: event.why };
        break;
      case 'approval_expired':
        stands.expired = true;
        break;
      case 'run_started':
        stands.running = true;
        break;
      case 'step_started':
        if (step) Object.assign(step, { begun: true, outcome: null });
        break;
      case 'step_ended':
        if (step) step.outcome = event.outcome;
        break;
      case 'undo_started':
        if (step) Object.assign(step, { undoing: true, undone: null });
        break;
      case 'undo_ended':
        if (step) step.undone = event.outcome;
        break;
      case 'run_ended':
        stands.running = false;
        stands.ended = { run: event.end.run, why: 'why' in event.end ? event.end.why : '', at };
        break;
      case 'verified':
        stands.checks.push({ at, passed: event.passed, checks: event.checks });
        break;
    }
  }
  return stands;
}

/** May it still be decided? */
export function undecided(p: PlanStands): boolean {
  return (
    p.askedUntil !== null &&
    !p.running &&
    !p.ended &&
    !p.approvedBy &&
    !p.refused &&
    !p.expired &&
    !p.withdrawn
  );
}

/** The lines of a diff: what is so now, and what would be so. Text only, a line each. */
export function difference(before: string, after: string): { sign: '-' | '+' | ' '; text: string }[] {
  const [was, will] = [before.split('\n'), after.split('\n')];
  const kept = new Set(was.filter((line) => will.includes(line)));
  return [
    ...was.map((text) => ({ sign: kept.has(text) ? (' ' as const) : ('-' as const), text })),
    ...will.filter((line) => !kept.has(line)).map((text) => ({ sign: '+' as const, text })),
  ];
}
