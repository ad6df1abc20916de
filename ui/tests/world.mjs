// What the fixture server knows: the journal of a real three-fault incident, told entry by entry, and a few closed
// incidents around real reports of bundled recordings.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { large } from './topology.mjs';

const here = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');
const read = (name) => JSON.parse(readFileSync(join(here, name), 'utf8'));

/** Marks in a text that would be harmful if it were ever more than text. */
export const HOSTILE = '<img src=x onerror="window.__harmed=1"><script>window.__harmed=1</script>';
const TEXTS = new Set([
  'title',
  'text',
  'summary',
  'name',
  'says',
  'after',
  'because',
  'asked',
  'said',
  'why',
  'was',
]);

/** The same value with harmful marks in every text that people are shown. */
function poison(value, key = '') {
  if (typeof value === 'string') return TEXTS.has(key) ? `${value} ${HOSTILE}` : value;
  if (Array.isArray(value)) return value.map((item) => poison(item, key));
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, poison(item, name)]));
  }
  return value;
}

/** How an incident stands, in the word of `midwatch incidents list`. */
function standing(events) {
  const last = (kind) => events.findLast((event) => event.event === kind);
  const closed = last('closed');
  if (closed) {
    const words = {
      recovered: 'recovered',
      recovered_alone: 'went away',
      no_fault: 'no fault',
      handed_over: 'handed over',
    };
    return words[closed.ending.how] ?? 'merged';
  }
  if (last('handed_over')) return 'needs a person';
  const from = events.findLastIndex((event) => event.event === 'plan_proposed');
  const since = from < 0 ? [] : events.slice(from);
  const had = (kind) => since.findLast((event) => event.event === kind);
  if (had('run_ended')) {
    if (had('run_ended').end.run !== 'completed') return 'recovery failed';
    return had('verified')?.passed ? 'recovered' : 'verifying';
  }
  if (had('run_started')) return 'recovering';
  if (had('refused')) return 'plan refused';
  if (had('approval_expired')) return 'nobody answered';
  if (had('approval_asked')) return 'waits for a yes';
  const report = last('investigation_ended')?.report;
  if (!report) return 'being looked at';
  const words = {
    cause_found: 'cause found',
    unknown: 'cause unknown',
    recovered: 'over',
    no_active_fault: 'no fault found',
  };
  return words[report.header.status];
}

/** A closed incident around the report of a recording. */
function recorded(name, how) {
  const report = read(`${name}.json`);
  const at = (seconds) => new Date(Date.parse(report.header.looked_at) + seconds * 1000).toISOString();
  const events = [
    [0, { event: 'opened', alarm: report.alarms[0], fingerprint: 'recorded' }],
    [1, { event: 'investigation_started', attempt: 1, window: report.header.window }],
    [3, { event: 'investigation_ended', attempt: 1, report }],
    [900, { event: 'closed', ending: { how }, by: how === 'handed_over' ? 'ada' : '' }],
  ];
  const day = at(0).slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return {
    id: `inc-${day}-${report.ledger.slice(0, 6)}`,
    entries: events.map(([after, event], index) => ({ seq: index + 1, at: at(after), event })),
    evidence: {},
  };
}

export class World {
  constructor({ upTo = 20, hostile = false, many = 0, entities = 0 } = {}) {
    this.entities = entities;
    const { incident, entries } = read('three.timeline.json');
    const reports = read('three.reports.json');
    this.script = entries.map((entry) =>
      entry.event.event === 'investigation_ended'
        ? { ...entry, event: { ...entry.event, report: reports[entry.event.report.at] } }
        : entry,
    );
    this.digest = this.script.find((entry) => entry.event.event === 'gate_answered').event.plan;
    this.three = { id: incident, entries: [], evidence: read('three.evidence.json') };
    this.hostile = hostile;
    this.events = [];
    this.streams = new Set();
    this.asked = [];
    this.deeds = [];
    this.keys = [];
    this.answers = read('ask.json');
    this.incidents = [
      this.three,
      recorded('payment-provider-outage', 'handed_over'),
      recorded('petshop-latency', 'recovered_alone'),
      recorded('healthy-storage-recovered', 'no_fault'),
    ];
    for (let number = 0; number < many; number += 1) {
      const copy = recorded('payment-provider-outage', 'recovered');
      this.incidents.push({ ...copy, id: `${copy.id}-${number}` });
    }
    this.tell(upTo);
  }

  /** As the server would hand it out. */
  out(value) {
    return this.hostile ? poison(value) : value;
  }

  /** Tells the journal of the three-fault incident up to that entry. */
  tell(upTo) {
    while (this.three.entries.length < Math.min(upTo, this.script.length)) {
      this.add(this.script[this.three.entries.length].event);
    }
  }

  /** Writes one event down, as it was or as a person caused it, and tells all who listen. */
  add(event, at) {
    const seq = this.three.entries.length + 1;
    const entry = { seq, at: at ?? this.script[seq - 1]?.at ?? this.three.entries.at(-1).at, event };
    this.three.entries.push(entry);
    const notice = { id: this.events.length + 1, data: { incident: this.three.id, seq, kind: event.event } };
    this.events.push(notice);
    for (const stream of this.streams) stream.write(this.frame(notice));
  }

  frame({ id, data }) {
    return `id: ${id}\nevent: journal\ndata: ${JSON.stringify(data)}\n\n`;
  }

  /** The rest of the journal, as after a yes: a few entries each so many milliseconds. */
  run(pace = 60) {
    const timer = setInterval(() => {
      if (this.three.entries.length >= this.script.length) clearInterval(timer);
      else this.tell(this.three.entries.length + 1);
    }, pace);
    timer.unref();
  }

  /** Puts another plan in the place of the one that is shown. */
  replacePlan() {
    const old = this.script.find((entry) => entry.event.event === 'plan_proposed').event.plan;
    const digest = 'f'.repeat(64);
    this.add({ event: 'plan_proposed', plan: { ...old, attempt: 2, steps: old.steps.slice(0, 2) } });
    this.add({
      event: 'gate_answered',
      plan: digest,
      answer: { gate: 'ask', reasons: ['a newer look'], who: ['root'] },
    });
    this.add({ event: 'approval_asked', plan: digest, until: '2026-11-21T12:58:41Z' });
    this.digest = digest;
  }

  find(id) {
    return this.incidents.find((one) => one.id === id || (id.length >= 6 && one.id.endsWith(id)));
  }

  report(one) {
    return one.entries.findLast((entry) => entry.event.event === 'investigation_ended')?.event.report ?? null;
  }

  summary(one) {
    const events = one.entries.map((entry) => entry.event);
    const report = this.report(one);
    const alarms = events.filter((event) => event.alarm).map((event) => event.alarm);
    const turned = events.findLast((event) => event.event === 'alarm_turned');
    const plan = events.findLast((event) => event.event === 'plan_proposed')?.plan;
    const closed = one.entries.find((entry) => entry.event.event === 'closed')?.at ?? null;
    return {
      id: one.id,
      title: report?.header.title ?? `${alarms[0].rule} on ${alarms[0].entity}`,
      standing: standing(events),
      opened: one.entries[0].at,
      closed,
      firing: !closed && turned?.state !== 'resolved',
      alarms,
      causes: (report?.causes ?? []).map(({ entity, mechanism, category, change, confidence, word }) => ({
        entity,
        mechanism,
        category,
        change,
        confidence,
        word,
      })),
      named: one.entries
        .filter(({ event }) => event.event === 'cause_named')
        .map(({ at, event: { entity, mechanism, by } }) => ({ entity, mechanism, by, at })),
      look_asked: events.findLast((event) => event.event === 'look_asked')?.by ?? null,
      plan: plan ? { digest: this.digest, plan } : null,
      links: [],
      judged: [],
      entries: one.entries.length,
      head: null,
      untold: [],
    };
  }

  lessons() {
    return this.incidents.flatMap((one) =>
      one.entries.flatMap(({ event }) => (event.event === 'lesson_learned' ? [event.lesson] : [])),
    );
  }

  /** As `learn::scores` counts it. */
  stats() {
    const lessons = this.lessons();
    const spread = (from, to) => {
      const lengths = lessons
        .map(({ milestones: m }) =>
          m[from] && m[to] ? (Date.parse(m[to]) - Date.parse(m[from])) * 1e6 : null,
        )
        .filter((length) => length !== null)
        .sort((a, b) => a - b);
      const rank = (percent) => lengths[Math.max(1, Math.ceil((lengths.length * percent) / 100)) - 1] ?? 0;
      const mean = lengths.length ? Math.round(lengths.reduce((a, b) => a + b, 0) / lengths.length) : 0;
      return { count: lengths.length, mean, p50: rank(50), p95: rank(95) };
    };
    const mechanisms = {};
    for (const cause of lessons.flatMap((lesson) => lesson.causes.filter((one) => one.cured))) {
      mechanisms[cause.mechanism] = (mechanisms[cause.mechanism] ?? 0) + 1;
    }
    return {
      incidents: lessons.length,
      detect: spread('began', 'detected'),
      investigate: spread('detected', 'investigated'),
      recover: spread('detected', 'recovered'),
      approved_to_recovered: spread('approved', 'recovered'),
      recovery: {
        hits: lessons.filter((one) => one.recovered).length,
        of: lessons.filter((one) => one.recovered != null).length,
      },
      false_alarms: { hits: 0, of: lessons.length },
      labelled: lessons.length,
      mechanisms,
    };
  }

  doctor() {
    return read('doctor.json');
  }

  /** Alarms of incidents that are open, and how they stand. */
  alarms() {
    return this.incidents
      .filter((one) => one.entries.length > 0 && !this.summary(one).closed)
      .flatMap((one) => {
        const { fingerprint, alarm } = one.entries[0].event;
        const turned = one.entries.findLast(({ event }) => event.event === 'alarm_turned');
        const state = turned?.event.state ?? 'firing';
        const since = turned?.at ?? alarm.fired_at;
        return [
          {
            incident: one.id,
            rule: alarm.rule,
            entity: alarm.entity,
            fingerprint,
            alarm,
            state,
            since,
            joined: one.entries[0].at,
            turns: turned ? 1 : 0,
            flapping: false,
          },
        ];
      });
  }

  /** What leans on what: what the report knows of it, or as many entities as a story wants. */
  topology() {
    if (this.entities > 0) return large(this.entities);
    return read('three.topology.json');
  }

  /** The last changes; of a large house a few on known places. */
  changes() {
    const made = read('three.changes.json');
    return made;
  }

  policy() {
    return read('policy.json');
  }

  /** As the gate would say it; the real one is asked in the program's own tests. */
  simulate({ incident, policy, approved_by, at }) {
    const plan = this.summary(this.find(incident)).plan;
    const refuse = policy === 'observer' || (policy ?? '').includes('forbid');
    const said = 'the least sure cause is sure to 0.99, 0.80 is wanted';
    const answer = refuse
      ? {
          gate: 'refuse',
          reasons: [said, 'the policy permits it neither to the watch nor to anybody whom it knows'],
          again_at: null,
        }
      : approved_by === 'root'
        ? {
            gate: 'go',
            reasons: [said, 'root said yes to this very plan, as the policy permits (oncall-approves)'],
          }
        : { gate: 'ask', reasons: [said, 'the watch may not go alone'], who: ['root'] };
    return { plan: plan.digest, at: at ?? '2026-11-21T12:27:46Z', answer, wrong: null };
  }

  /** What two looks saw differently. */
  compare(params) {
    return {
      left: params.get('left'),
      right: params.get('right'),
      same: false,
      differences: [
        { part: 'status', about: 'status', before: 'cause_found', after: 'cause_found, three causes' },
        {
          part: 'cause',
          about: 'function/ap-southeast-1/getBalance',
          before: null,
          after: 'resource.concurrency-limit, confirmed 0.99',
        },
      ],
    };
  }

  /** Recordings that were sent: one that was investigated. */
  recordings = [
    {
      name: 'petshop',
      at: '2026-11-20T09:00:00Z',
      by: 'ada',
      bytes: 412_032,
      digest: 'd'.repeat(64),
      title: 'checkout is slow in the pet shop',
      sound: true,
      investigated: true,
    },
  ];
  /** Investigations that were asked for, the newest first. */
  investigations = [];

  investigation(recording, by) {
    const job = {
      number: this.investigations.length + 1,
      subject: { recording },
      by,
      started: '2026-11-21T12:00:00Z',
      ended: null,
      going: 'running',
      step: 'reading logs',
      steps: 3,
      status: null,
      why: null,
    };
    this.investigations.unshift(job);
    return job;
  }

  inlets() {
    const none = { known: 0, refused: 0, unreadable: 0, put_off: 0, alarms: 0, changes: 0 };
    return [
      {
        ...none,
        name: 'alerts',
        kind: 'alertmanager',
        taken: 4,
        known: 1,
        alarms: 3,
        last: '2026-11-21T12:27:40Z',
        last_refused: null,
      },
      {
        ...none,
        name: 'deploys',
        kind: 'github',
        taken: 0,
        refused: 2,
        last: null,
        last_refused: {
          at: '2026-11-21T12:01:07Z',
          why: 'the signature in x-hub-signature-256 does not hold',
        },
      },
    ];
  }

  deliveries() {
    const at = '2026-11-21T12:27:40Z';
    return [{ id: 7, at, readable: true, alarms: 1, changes: 0, remark: '', bytes: 612 }];
  }

  notifiers() {
    return [
      {
        name: 'file',
        kind: 'file',
        told: 7,
        waiting: 0,
        given_up: 0,
        works: true,
        trouble: null,
        since: null,
        tries: 0,
      },
      {
        name: 'pagerduty.main',
        kind: 'pagerduty',
        told: 2,
        waiting: 3,
        given_up: 1,
        works: false,
        trouble: 'events.pagerduty.com answered 403',
        since: '2026-11-21T12:20:11Z',
        tries: 3,
      },
      {
        name: 'slack.ops',
        kind: 'slack',
        told: 0,
        waiting: 0,
        given_up: 0,
        works: null,
        trouble: null,
        since: null,
        tries: 0,
      },
    ];
  }

  mechanisms() {
    return read('mechanisms.json');
  }
}
