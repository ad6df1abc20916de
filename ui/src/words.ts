// The words that people read in place of the closed words of the API. A word that is new to us is shown as it is.

import type { Query } from './api/report';
import type { Action, Condition, Entry, Outcome, Summary } from './api/shapes';
import { clock, length } from './time';

/** How something stands, by word and by shape; colour only repeats it. */
export type Tone = 'bad' | 'ask' | 'work' | 'good' | 'quiet';

export interface Standing {
  word: string;
  tone: Tone;
  /** What happens next, as a sentence. */
  next: string;
  /** By whom it is owed. */
  owed: string;
}

const STANDINGS: Record<string, Omit<Standing, 'word'>> = {
  'being looked at': { tone: 'work', next: 'Midwatch is looking at it.', owed: 'Midwatch' },
  'waits for a yes': { tone: 'ask', next: 'A plan waits for a yes or a no.', owed: 'whoever may approve' },
  recovering: { tone: 'work', next: 'The plan is being performed.', owed: 'Midwatch' },
  verifying: { tone: 'work', next: 'Fresh telemetry is held against the plan’s check.', owed: 'Midwatch' },
  recovered: { tone: 'good', next: 'Nothing: it is over, and checked.', owed: 'nobody' },
  'went away': { tone: 'good', next: 'Nothing: it went away by itself.', owed: 'nobody' },
  'no fault': { tone: 'good', next: 'Nothing: nothing was wrong.', owed: 'nobody' },
  'no fault found': { tone: 'good', next: 'It closes once its alarms are quiet.', owed: 'Midwatch' },
  over: { tone: 'good', next: 'It closes once its alarms are quiet.', owed: 'Midwatch' },
  'handed over': { tone: 'quiet', next: 'Nothing here: a person took it over.', owed: 'a person' },
  merged: { tone: 'quiet', next: 'It lives on in another incident.', owed: 'nobody' },
  'needs a person': { tone: 'bad', next: 'A person must go on from here.', owed: 'a person' },
  'recovery failed': {
    tone: 'bad',
    next: 'The recovery did not work; a person must look.',
    owed: 'a person',
  },
  'plan refused': { tone: 'bad', next: 'The plan was refused; a person must act.', owed: 'a person' },
  'nobody answered': { tone: 'bad', next: 'Nobody answered in time; a person must act.', owed: 'a person' },
  'cause found': { tone: 'bad', next: 'The cause is known; see whether there is a plan.', owed: 'a person' },
  'cause unknown': {
    tone: 'bad',
    next: 'The cause is not known yet; Midwatch looks again.',
    owed: 'Midwatch',
  },
};

export function standing(word: string): Standing {
  return { word, ...(STANDINGS[word] ?? { tone: 'bad', next: 'Open it to see.', owed: 'not told' }) };
}

/** Those that wait for a person come first, then by age, newest first. */
export function byNeed(a: Summary, b: Summary): number {
  const rank: Record<Tone, number> = { ask: 0, bad: 1, work: 2, good: 3, quiet: 4 };
  const need = rank[standing(a.standing).tone] - rank[standing(b.standing).tone];
  return need || Date.parse(b.opened) - Date.parse(a.opened);
}

export const STATUS: Record<string, string> = {
  cause_found: 'cause found',
  unknown: 'cause unknown',
  recovered: 'recovered',
  no_active_fault: 'no active fault',
};
export const CATEGORY: Record<string, string> = {
  system_change: 'system change',
  resource_limit: 'resource limit',
  component_failure: 'component failure',
  dependency_issue: 'dependency issue',
  input_anomaly: 'input anomaly',
};
export const FORCE: Record<string, string> = {
  must: 'must be seen',
  may: 'may be seen',
  must_not: 'must not be seen',
};
export const GAP: Record<string, string> = {
  permission: 'not permitted',
  not_instrumented: 'not instrumented',
  retention: 'no longer kept',
  rate_limit: 'rate limited',
  timeout: 'timed out',
  connector: 'no connector',
  budget: 'budget spent',
  not_recorded: 'not recorded',
  starved: 'short of processor',
};
export const RULED_OUT: Record<string, string> = {
  healthy: 'healthy throughout',
  began_after: 'began after the symptom',
  rolled_back: 'undone before it began',
  no_path: 'no path to a symptom',
  cannot_produce: 'cannot produce this failure',
  explained: 'explained by another cause',
  victim: 'a victim, not the cause',
  transient: 'over before it began',
  prediction_failed: 'its predictions failed',
};
export const POLARITY: Record<string, string> = {
  for: 'speaks for it',
  against: 'speaks against it',
  absent: 'asked, nothing there',
  healthy: 'asked, normal',
  neutral: 'context',
};
export const AREA: Record<string, string> = {
  observability: 'Observability: what could not be seen',
  infrastructure: 'Infrastructure: what it runs on, and its limits',
  deployment_pipeline: 'Deployment: how changes reach production',
  resilience: 'Resilience: how the application bears failure',
};
/** The edge read in the direction in which failure travels. */
export const CARRIES: Record<string, string> = {
  calls: 'called by',
  runs_on: 'hosts',
  served_by: 'serves',
  consumes: 'feeds',
  produces: 'pushes back on',
  uses_role: 'role of',
  uses_config: 'setting of',
  bound_by: 'limits',
  part_of: 'contains',
  replicates_from: 'replicated by',
  asks_names: 'asked for names by',
};
/** The edge read as it points: how one leans on the other. */
export const LEANS: Record<string, string> = {
  calls: 'calls',
  runs_on: 'runs on',
  served_by: 'served by',
  consumes: 'takes messages',
  produces: 'sends messages',
  uses_role: 'acts under',
  uses_config: 'reads',
  bound_by: 'bound by',
  part_of: 'part of',
  replicates_from: 'copies from',
  asks_names: 'asks for names',
};
export const say = (words: Record<string, string>, word: string): string =>
  Object.hasOwn(words, word) ? (words[word] ?? word) : word.replaceAll('_', ' ');

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const s = (value: unknown): string => (value === undefined || value === null ? '' : String(value));

/** One change to the world, as a clause. */
export function action(a: Action): string {
  switch (a.do) {
    case 'revert_change':
      return `put ${s(a.entity)} back to what it was before ${s(a.change)}`;
    case 'set_settings': {
      const settings = Object.entries((a.settings ?? {}) as Record<string, string | null>);
      const said = settings.map(([name, value]) => (value === null ? `${name} removed` : `${name}=${value}`));
      return `set on ${s(a.entity)}: ${said.join(', ')}`;
    }
    case 'set_role':
      return `let ${s(a.entity)} act under ${s(a.role)}`;
    case 'set_limit':
      return a.value === null || a.value === undefined
        ? `lift the ${s(a.limit)} limit of ${s(a.entity)}`
        : `set the ${s(a.limit)} limit of ${s(a.entity)} to ${s(a.value)}`;
    case 'set_version':
      return `run version ${s(a.version)} of ${s(a.entity)}`;
    case 'scale':
      return `run ${s(a.copies)} copies of ${s(a.entity)}`;
    case 'restart':
      return `restart ${s(a.entity)}`;
    case 'renew':
      return `renew ${s(a.entity)}`;
    case 'set_aside':
      return `set record ${s(a.record)} of ${s(a.entity)} aside`;
    case 'put_back':
      return `put record ${s(a.record)} back into ${s(a.entity)}`;
    case 'fail_over':
      return `send the traffic of ${s(a.from)} to ${s(a.to)}`;
    case 'throttle':
      return a.per_second === null || a.per_second === undefined
        ? `stop throttling ${s(a.entity)}`
        : `let at most ${s(a.per_second)} requests a second through to ${s(a.entity)}`;
    case 'run_runbook': {
      const given = Object.entries((a.parameters ?? {}) as Record<string, string>);
      const said = given.map(([name, value]) => `${name}=${value}`).join(', ');
      return `run ${s(a.runbook)} for ${s(a.entity)}${said === '' ? '' : ` with ${said}`}`;
    }
    default:
      // What is approved must never be hidden by a word that this page is too old to know.
      return JSON.stringify(a);
  }
}

/** A condition on telemetry, as a clause. */
export function condition(c: Condition): string {
  switch (c.that) {
    case 'error_share':
      return `at most ${(Number(c.at_most) * 100).toFixed(3)}% of the calls of ${s(c.entity)} fail`;
    case 'latency':
      return `${s(c.entity)} answers 95% of its calls within ${s(c.at_most_ms)} ms`;
    case 'metric':
      return `${s(c.metric)} of ${s(c.entity)} is ${c.is === 'at_least' ? 'at least' : 'at most'} ${s(c.value)}`;
    case 'alarm_quiet':
      return `${s(c.rule)} on ${s(c.entity)} is quiet`;
    case 'state':
      return `${s(c.path)} of ${s(c.entity)} is ${JSON.stringify(c.equals)}`;
    default:
      return JSON.stringify(c);
  }
}

/** A query as it can be pasted into `midwatch explain`; written as the program writes it. */
export function asked(q: Query): string {
  const all = (value: unknown): string => (value === null || value === undefined ? '*' : String(value));
  const text = (value: unknown): string => JSON.stringify(s(value));
  const window = 'window' in q ? ` window=${q.window.from}/${q.window.to}` : '';
  switch (q.ask) {
    case 'metric':
      return `metric entity=${s(q.entity)} name=${s(q.metric)}${q.statistic ? ` statistic=${s(q.statistic)}` : ''}${window}`;
    case 'logs':
    case 'events':
      return `${q.ask} entity=${all(q.entity)} pattern=${text(q.pattern)}${window}`;
    case 'traces':
      return `traces entity=${s(q.entity)} caller=${all(q.caller)} operation=${text(q.operation)}${window}`;
    case 'change':
    case 'alarm':
      return `${q.ask} id=${s(q.id)}`;
    case 'changes':
      return `changes${window}`;
    case 'state':
      return `state entity=${s(q.entity)} kind=${s(q.kind)} path=${text(q.path)}`;
    case 'topology':
      return `topology entity=${s(q.entity)}`;
    default:
      return JSON.stringify(q);
  }
}

const colon = (text: string | undefined): string => (text ? `: ${text}` : '');

function outcome(what: string, o: Outcome): [Tone, string] {
  if (o.outcome === 'done') return ['good', `${what} is done${colon(o.detail)}`];
  if (o.outcome === 'failed') return ['bad', `${what} failed: ${o.why}`];
  return ['bad', `${what}: not known: ${o.why}`];
}

const ENDINGS: Record<string, string> = {
  recovered: 'recovered',
  recovered_alone: 'it went away without us',
  no_fault: 'nothing was wrong',
  handed_over: 'handed over',
  merged: 'merged into another incident',
};

/** What an event of the journal says, in one sentence. */
export function told({ event: e, said }: Pick<Entry, 'event' | 'said'>): [Tone, string] {
  switch (e.event) {
    case 'opened':
      return ['bad', `opened by ${e.alarm.rule} on ${e.alarm.entity}${colon(e.alarm.summary)}`];
    case 'alarm_joined':
      return ['bad', `${e.alarm.rule} on ${e.alarm.entity} belongs here: ${e.because.join(', ')}`];
    case 'alarm_turned':
      if (e.state === 'resolved') return ['good', 'the alarm is quiet'];
      return e.state === 'no_data' ? ['ask', 'the alarm has no data'] : ['bad', 'the alarm fires again'];
    case 'flapping':
      return ['ask', `the alarm flaps: ${e.turns} turns in 15 min`];
    case 'silenced':
      return ['quiet', `silenced by ${e.by} until ${clock(e.until)}: ${e.why}`];
    case 'noted':
      return ['quiet', `${e.by}: ${e.text}`];
    case 'investigation_started': {
      const reach = Date.parse(e.window.to) - Date.parse(e.window.from);
      return ['work', `investigation ${e.attempt} looks at the last ${length(reach)}`];
    }
    case 'looked':
      return ['quiet', e.at];
    case 'investigation_ended':
      return [
        'work',
        e.report.verdict?.[0]?.text ?? say(STATUS, e.report.header?.status ?? 'the look has ended'),
      ];
    case 'investigation_failed':
      return ['bad', `the look failed: ${e.why}`];
    case 'linked':
      return ['quiet', `linked with ${e.incident}: ${e.why}`];
    case 'split_off':
      return ['quiet', `${e.by} split ${e.incident} off`];
    case 'cause_judged':
      return [
        e.right ? 'good' : 'ask',
        `marked as ${e.right ? 'right' : 'wrong'} by ${e.by}: ${e.mechanism} on ${e.entity}`,
      ];
    case 'cause_named':
      return ['good', `${e.by} says: it was ${e.mechanism} on ${e.entity}${e.instead ? '' : ', too'}`];
    case 'look_asked':
      return ['work', `${e.by} wants a fresh look`];
    case 'plan_proposed':
      return ['work', `a way back: ${e.plan.steps.map((step) => action(step.action)).join('; ')}`];
    case 'plan_kept':
      return ['quiet', 'the newer report leads to the same plan: it stands'];
    case 'no_plan':
      return ['ask', `no plan: ${e.why.join('; ')}`];
    case 'gate_answered':
      if (e.answer.gate === 'go') return ['good', `the gate says go: ${e.answer.reasons.join('; ')}`];
      if (e.answer.gate === 'ask')
        return ['ask', `the gate wants a person’s yes: ${e.answer.reasons.join('; ')}`];
      return ['bad', `the gate says no: ${e.answer.reasons.join('; ')}`];
    case 'approval_asked':
      return ['ask', `asked for a yes, until ${clock(e.until)}`];
    case 'approved':
      return ['good', `${e.approval.by} said yes`];
    case 'refused':
      return ['bad', `${e.by} said no${colon(e.why)}`];
    case 'approval_expired':
      return ['bad', 'nobody answered in time'];
    case 'run_started':
      return ['work', 'the plan is being performed'];
    case 'step_started':
      return ['work', `step ${e.step + 1} is begun`];
    case 'step_ended':
      return outcome(`step ${e.step + 1}`, e.outcome);
    case 'undo_started':
      return ['work', `step ${e.step + 1} is being undone`];
    case 'undo_ended':
      return outcome(`the undoing of step ${e.step + 1}`, e.outcome);
    case 'run_ended':
      if (e.end.run === 'completed') return ['good', 'every step is done'];
      return ['bad', `${e.end.run === 'unwound' ? 'broken off and undone' : 'stuck'}: ${e.end.why}`];
    case 'verified': {
      const seen = e.checks.filter((c) => e.passed || c.holds !== 'yes').map((c) => c.seen);
      return e.passed
        ? ['good', `verified: it worked (${seen.join('; ')})`]
        : ['work', `not well yet (${seen.join('; ')})`];
    }
    case 'handed_over':
      return ['bad', `a person must go on from here: ${e.why}`];
    case 'lesson_learned':
      return ['quiet', `learned: ${e.lesson.advice.length} pieces of advice`];
    case 'closed':
      return ['good', `closed${e.by ? ` by ${e.by}` : ''}: ${say(ENDINGS, e.ending.how)}`];
    default:
      return ['quiet', said || String((e as { event: unknown }).event).replaceAll('_', ' ')];
  }
}
