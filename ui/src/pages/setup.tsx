import { useState } from 'react';
import { useAlarms, useHealth, useMechanisms } from '../api/hooks';
import { Stands } from '../parts/mark';
import { Posted } from '../parts/posted';
import { Nothing, Part, Trouble, useTitle, Waiting } from '../parts/small';
import { to } from '../route';
import { useSession } from '../session';
import { Channels, Silences } from '../setup/channels';
import { Inlets } from '../setup/inlets';
import { Managed } from '../setup/people';
import { PolicyPart } from '../setup/policy';
import { Recordings } from '../setup/recordings';
import { clock } from '../time';
import { CATEGORY, say } from '../words';
import { FindingRow } from './now';
import '../styles/plan.css';
import '../styles/detail.css';

/** What is connected, watched and kept quiet, what may be done, and who may what. */
export default function Setup() {
  useTitle('Set-up');
  const session = useSession();
  return (
    <div className="setup">
      <h1>Set-up</h1>
      <p className="faint">
        Sources, alarms, channels and policy are altered in <code>midwatch.toml</code>.{' '}
        {session
          ? session.name
            ? `You are ${session.name}${session.role ? `, ${session.role}` : ''}.`
            : 'You are only reading: nobody is signed in.'
          : 'This server knows no accounts: whoever reaches it is let in.'}
      </p>
      <Sources />
      <PolicyPart />
      <div className="columns">
        <div>
          <Alarms />
          <Channels />
        </div>
        <div>
          <Inlets />
          <Silences />
        </div>
      </div>
      <Managed />
      <Recordings />
      <Mechanisms />
    </div>
  );
}

const ABSENT = 'This server does not tell.';

function Sources() {
  const health = useHealth();
  return (
    <Part title="Sources, and what each can see">
      {health.isPending && <Waiting what="the sources" />}
      {health.isError && !health.data && <Trouble error={health.error} again={() => void health.refetch()} />}
      {health.data === null && <Nothing>{ABSENT} At its terminal: midwatch doctor.</Nothing>}
      <ul className="findings">
        {health.data?.map((one) => (
          <FindingRow key={one.what} one={one} />
        ))}
      </ul>
    </Part>
  );
}

function Alarms() {
  const alarms = useAlarms();
  return (
    <Part title="Alarms of open incidents" count={alarms.data?.length}>
      {alarms.isPending && <Waiting what="the alarms" />}
      {alarms.isError && !alarms.data && <Trouble error={alarms.error} again={() => void alarms.refetch()} />}
      {alarms.data === null && <Nothing>{ABSENT}</Nothing>}
      {alarms.data?.length === 0 && <Nothing>No incident is open, so no alarm is followed.</Nothing>}
      <ul className="rules">
        {alarms.data?.map((one) => (
          <li key={one.incident + one.fingerprint}>
            <Stands
              tone={one.state === 'firing' ? 'bad' : one.state === 'no_data' ? 'quiet' : 'good'}
              word={one.state === 'firing' ? 'firing' : one.state === 'no_data' ? 'no data' : 'quiet'}
            />
            <div>
              <a data-item href={to.incident(one.incident)}>
                {one.alarm.rule}
              </a>{' '}
              <span className="mono small">{one.alarm.entity}</span>{' '}
              <span className="faint">
                since {clock(one.since)} UTC
                {one.flapping && `, flaps: ${one.turns} turns`}
              </span>
              {one.alarm.summary && <p className="faint">{one.alarm.summary}</p>}
              <Posted file={one.alarm.raw?.file} />
            </div>
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Mechanisms() {
  const mechanisms = useMechanisms();
  const [typed, setTyped] = useState('');
  const wanted = typed.toLowerCase().trim();
  const found = (mechanisms.data ?? []).filter((one) =>
    `${one.id} ${one.title} ${one.summary}`.toLowerCase().includes(wanted),
  );
  return (
    <Part title="How things break, as Midwatch knows it" count={mechanisms.data?.length}>
      {mechanisms.isPending && <Waiting what="the catalogue" />}
      {mechanisms.isError && !mechanisms.data && (
        <Trouble error={mechanisms.error} again={() => void mechanisms.refetch()} />
      )}
      {mechanisms.data === null && <Nothing>{ABSENT} At its terminal: midwatch mechanisms.</Nothing>}
      {mechanisms.data && (
        <>
          <label className="field">
            Find
            <input type="search" value={typed} onChange={(event) => setTyped(event.target.value)} />
          </label>
          <p className="faint small" role="status">
            {wanted ? `${found.length} of ${mechanisms.data.length}` : ''}
          </p>
          <ul className="mechanisms">
            {found.map((one) => (
              <li key={one.id}>
                <details>
                  <summary data-item>
                    <span className="mono">{one.id}</span> {one.title}
                  </summary>
                  <p>{one.summary}</p>
                  <p className="faint">
                    {say(CATEGORY, one.category)} · {one.nature}
                  </p>
                </details>
              </li>
            ))}
          </ul>
        </>
      )}
    </Part>
  );
}
