import { useState } from 'react';
import { api } from '../api/client';
import { useNotifiers, useSilences } from '../api/hooks';
import type { Silence } from '../api/shapes';
import { Form, Outcome, useDeed } from '../parts/deed';
import { Stands } from '../parts/mark';
import { Nothing, Part, Trouble, useNow, Waiting } from '../parts/small';
import { may, useSession } from '../session';
import { clock, moment } from '../time';

/** How people are told, and whether it works. */
export function Channels() {
  const notifiers = useNotifiers();
  const session = useSession();
  const deed = useDeed();
  const [tested, setTested] = useState('');
  return (
    <Part title="How people are told" count={notifiers.data?.length}>
      {notifiers.isPending && <Waiting what="the channels" />}
      {notifiers.isError && !notifiers.data && (
        <Trouble error={notifiers.error} again={() => void notifiers.refetch()} />
      )}
      {notifiers.data === null && (
        <Nothing>This server does not tell. At its terminal: midwatch doctor.</Nothing>
      )}
      {notifiers.data?.length === 0 && <Nothing>Nobody is told of anything: nothing is set up.</Nothing>}
      <ul className="rules">
        {notifiers.data?.map((one) => (
          <li key={one.name}>
            <Stands
              tone={one.works === false ? 'bad' : one.works ? 'good' : 'quiet'}
              word={one.works === false ? 'broken' : one.works ? 'works' : 'untried'}
            />
            <div>
              <b>{one.name}</b> {one.kind !== one.name && <span className="faint">{one.kind}</span>}
              <p className="faint">
                {one.told} told, {one.waiting} waiting
                {one.given_up > 0 && `, ${one.given_up} given up`} since the server was started
              </p>
              {one.trouble && (
                <p>
                  {one.trouble}{' '}
                  <span className="faint">
                    {one.since && `Since ${clock(one.since)} UTC`}
                    {one.tries > 1 && `, ${one.tries} tries`}
                  </span>
                </p>
              )}
              {may(session, 'admin') && (
                <button
                  type="button"
                  className="plain"
                  disabled={deed.busy}
                  onClick={() => {
                    setTested(one.name);
                    void deed
                      .run(() => api.testNotifier(one.name), [['notifiers']])
                      // How it stands now is known either way.
                      .then(() => notifiers.refetch());
                  }}
                >
                  Send a test<span className="unseen"> through {one.name}</span>
                </button>
              )}
              {tested === one.name && <Outcome deed={deed} />}
            </div>
          </li>
        ))}
      </ul>
    </Part>
  );
}

/** What is quiet, until when, by whom and why; and who ended it. */
function Quiet({ one }: { one: Silence }) {
  return (
    <>
      <b>{one.rule ?? one.entity ?? 'everything'}</b>{' '}
      <span>
        until {clock(one.until)} UTC{one.every && one.every !== 'once' ? `, ${one.every}` : ''}
      </span>
      <p className="faint" title={moment(one.from)}>
        by {one.by}: {one.why}
      </p>
      {one.ended && (
        <p className="faint" title={moment(one.ended)}>
          ended {one.ended_by ? `by ${one.ended_by} ` : ''}at {clock(one.ended)} UTC
        </p>
      )}
    </>
  );
}

const LENGTHS: [number, string][] = [
  [900, '15 minutes'],
  [3600, 'an hour'],
  [14_400, '4 hours'],
  [86_400, 'a day'],
  [604_800, 'a week'],
];

/** What is kept quiet, by whom and why; and for whoever may, another silence. */
export function Silences() {
  const silences = useSilences();
  const session = useSession();
  const now = useNow(10_000);
  const [rule, setRule] = useState('');
  const [entity, setEntity] = useState('');
  const [seconds, setSeconds] = useState(3600);
  const [why, setWhy] = useState('');
  const [ending, ordering] = [useDeed(), useDeed()];
  const allowed = may(session, 'responder');
  const isOver = (one: Silence) =>
    Boolean(one.ended) || ((one.every ?? 'once') === 'once' && Date.parse(one.until) < now);
  const standing = (silences.data ?? []).filter((one) => !isOver(one));
  const over = (silences.data ?? []).filter(isOver).reverse();
  return (
    <Part title="Silences" count={silences.data ? standing.length : undefined}>
      {silences.isPending && <Waiting what="the silences" />}
      {silences.isError && !silences.data && (
        <Trouble error={silences.error} again={() => void silences.refetch()} />
      )}
      {silences.data === null && <Nothing>This server does not tell.</Nothing>}
      {silences.data && standing.length === 0 && <Nothing>Nothing is silenced.</Nothing>}
      <ul className="rules">
        {standing.map((one) => (
          <li key={one.id}>
            <Stands tone="good" word="in force" />
            <div>
              <Quiet one={one} />
              {allowed && (
                <button
                  type="button"
                  className="plain"
                  disabled={ending.busy}
                  onClick={() => void ending.run(() => api.endSilence(one.id), [['silences']])}
                >
                  End it<span className="unseen">: {one.why}</span>
                </button>
              )}
            </div>
          </li>
        ))}
      </ul>
      {over.length > 0 && (
        <details>
          <summary>
            {over.length} {over.length === 1 ? 'is' : 'are'} over
          </summary>
          <ul className="rules">
            {over.map((one) => (
              <li key={one.id}>
                <Stands tone="quiet" word="over" />
                <div>
                  <Quiet one={one} />
                </div>
              </li>
            ))}
          </ul>
        </details>
      )}
      <Outcome deed={ending} />
      {allowed && (
        <Form
          open="Keep something quiet"
          button="Silence it"
          deed={ordering}
          send={() =>
            void ordering.run(
              () =>
                api.silence({
                  ...(rule.trim() && { rule: rule.trim() }),
                  ...(entity.trim() && { entity: entity.trim() }),
                  seconds,
                  why: why.trim(),
                }),
              [['silences']],
            )
          }
        >
          <label className="field">
            Alarms of the rule
            <input value={rule} onChange={(event) => setRule(event.target.value)} placeholder="every rule" />
          </label>
          <label className="field">
            About the entity
            <input
              value={entity}
              onChange={(event) => setEntity(event.target.value)}
              placeholder="every entity"
            />
          </label>
          <label className="field">
            For
            <select value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
              {LENGTHS.map(([value, word]) => (
                <option key={value} value={value}>
                  {word}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            Why
            <input value={why} onChange={(event) => setWhy(event.target.value)} required />
          </label>
        </Form>
      )}
    </Part>
  );
}
