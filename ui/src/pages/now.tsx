import { useEverything, useHealth, useOpen } from '../api/hooks';
import type { Finding, Summary } from '../api/shapes';
import { Mark, Stands } from '../parts/mark';
import { Nothing, Part, Trouble, useNow, useTitle, Waiting } from '../parts/small';
import { to } from '../route';
import { clock, length, moment, since } from '../time';
import { byNeed, standing } from '../words';

/** What is broken, since when, how sure, what happens next, and who owes it. */
export default function Now() {
  const open = useOpen();
  const now = useNow();
  const list = [...(open.data ?? [])].sort(byNeed);
  const waiting = list.filter((one) => ['ask', 'bad'].includes(standing(one.standing).tone)).length;
  useTitle(waiting > 0 ? `${waiting} for a person` : list.length > 0 ? `${list.length} open` : 'All quiet');
  if (open.isPending) return <Waiting what="what is broken" />;
  if (open.isError && !open.data) return <Trouble error={open.error} again={() => void open.refetch()} />;
  return (
    <div className="now">
      <Headline list={list} waiting={waiting} />
      {list.length > 0 && (
        <ol className="incidents" aria-label="Open incidents">
          {list.map((one) => (
            <li key={one.id}>
              <Row one={one} now={now} />
            </li>
          ))}
        </ol>
      )}
      <div className="columns">
        <Health now={now} />
        <Closed now={now} />
      </div>
    </div>
  );
}

function Headline({ list, waiting }: { list: Summary[]; waiting: number }) {
  const [tone, words] =
    list.length === 0
      ? (['good', 'Nothing is broken that Midwatch knows of'] as const)
      : waiting > 0
        ? ([
            'ask',
            `${waiting === 1 ? 'One incident waits' : `${waiting} incidents wait`} for a person`,
          ] as const)
        : ([
            'work',
            `${list.length === 1 ? 'One incident is' : `${list.length} incidents are`} being worked on`,
          ] as const);
  return (
    <h1 className="headline">
      <Mark tone={tone} size={30} />
      <span>{words}</span>
    </h1>
  );
}

function Row({ one, now }: { one: Summary; now: number }) {
  const stands = standing(one.standing);
  const waits = one.standing === 'waits for a yes';
  const firing = one.alarms.length;
  return (
    <article className={`incident tone-${stands.tone}`}>
      <a className="cover" data-item href={to.incident(one.id)}>
        <Stands tone={stands.tone} word={one.standing} />
        <strong className="title">{one.title || one.id}</strong>
      </a>
      <dl>
        <div>
          <dt>Since</dt>
          <dd>
            <b>{since(one.opened, now)}</b> <span className="faint">{clock(one.opened)} UTC</span>
          </dd>
        </div>
        <div className="wide">
          <dt>{one.causes.length > 1 ? `${one.causes.length} causes, together` : 'Cause'}</dt>
          <dd>
            {one.causes.length === 0 ? (
              <span className="faint">not known yet</span>
            ) : (
              <ul className="causes">
                {one.causes.map((cause) => (
                  <li key={cause.entity + cause.mechanism}>
                    <span className="mono">{cause.entity}</span>
                    <span>{mechanism(cause.mechanism)}</span>
                    <span className="sure">
                      {cause.word} {cause.confidence.toFixed(2)}
                    </span>
                  </li>
                ))}
              </ul>
            )}
          </dd>
        </div>
        <div>
          <dt>Alarms</dt>
          <dd>
            {firing} {one.firing ? 'firing' : 'quiet'}
          </dd>
        </div>
        <div className="next">
          <dt>Next</dt>
          <dd>
            {stands.next} <span className="faint">Owed by {stands.owed}.</span>
          </dd>
        </div>
      </dl>
      {waits && (
        <a className="button primary" href={to.approve(one.id)}>
          See the plan
        </a>
      )}
    </article>
  );
}

/** When it was looked at; a moment ago is now. */
const ago = (milliseconds: number): string =>
  milliseconds < 5000 ? 'looked just now' : `looked ${length(milliseconds)} ago`;

/** `config.required-value-missing` as words. */
const mechanism = (id: string): string => id.replace('.', ': ').replaceAll('-', ' ');

function Health({ now }: { now: number }) {
  const health = useHealth();
  const order = { broken: 0, missing: 1, ok: 2 };
  const found = [...(health.data ?? [])].sort((a, b) => order[a.stands] - order[b.stands]);
  return (
    <Part
      title="Midwatch and its sources"
      aside={
        health.dataUpdatedAt > 0 && health.data ? (
          <span className="faint">{ago(now - health.dataUpdatedAt)}</span>
        ) : undefined
      }
    >
      {health.isPending && <Waiting what="how Midwatch is" />}
      {health.isError && !health.data && <Trouble error={health.error} again={() => void health.refetch()} />}
      {health.data === null && (
        <Nothing>This server does not tell. At its terminal: midwatch doctor.</Nothing>
      )}
      {found.length > 0 && (
        <ul className="findings">
          {found.map((one) => (
            <FindingRow key={one.what} one={one} />
          ))}
        </ul>
      )}
    </Part>
  );
}

export function FindingRow({ one }: { one: Finding }) {
  const tone = one.stands === 'ok' ? 'good' : one.stands === 'broken' ? 'bad' : 'quiet';
  const word = one.stands === 'ok' ? 'works' : one.stands === 'broken' ? 'broken' : 'not set up';
  return (
    <li>
      <Stands tone={tone} word={word} />
      <div>
        <b>{one.what}</b> <span>{one.said}</span>
        {one.stands !== 'ok' && one.to_do && <p className="faint">To do: {one.to_do}</p>}
      </div>
    </li>
  );
}

function Closed({ now }: { now: number }) {
  const all = useEverything();
  const closed = (all.data ?? [])
    .filter((one) => one.closed)
    .sort((a, b) => Date.parse(b.closed ?? '') - Date.parse(a.closed ?? ''))
    .slice(0, 8);
  return (
    <Part title="Over" aside={<a href={to.learned}>all of them</a>}>
      {all.isPending && <Waiting what="what is over" />}
      {all.isError && !all.data && <Trouble error={all.error} again={() => void all.refetch()} />}
      {all.data && closed.length === 0 && <Nothing>None yet.</Nothing>}
      <ul className="over">
        {closed.map((one) => (
          <li key={one.id}>
            <a data-item href={to.incident(one.id)}>
              <Stands tone={standing(one.standing).tone} word={one.standing} />
              <span className="title">{one.title || one.id}</span>
              <span className="faint" title={moment(one.closed ?? '')}>
                {since(one.closed ?? '', now)} ago, took{' '}
                {length(Date.parse(one.closed ?? '') - Date.parse(one.opened))}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </Part>
  );
}
