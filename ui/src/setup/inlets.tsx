import { useState } from 'react';
import { api } from '../api/client';
import { useDeliveries, useInlets } from '../api/hooks';
import type { Inlet } from '../api/shapes';
import { Stands } from '../parts/mark';
import { Nothing, Part, Trouble, Waiting } from '../parts/small';
import { clock, moment } from '../time';

/** Where others post alarms, changes and answers, how that goes, and what they posted. */
export function Inlets() {
  const inlets = useInlets();
  return (
    <Part title="Where others post" count={inlets.data?.length}>
      {inlets.isPending && <Waiting what="the inlets" />}
      {inlets.isError && !inlets.data && <Trouble error={inlets.error} again={() => void inlets.refetch()} />}
      {inlets.data === null && <Nothing>This server does not tell.</Nothing>}
      {inlets.data?.length === 0 && <Nothing>Nobody posts anything here: no inlet is set up.</Nothing>}
      <ul className="rules">
        {inlets.data?.map((one) => (
          <InletRow key={one.name} one={one} />
        ))}
      </ul>
    </Part>
  );
}

function InletRow({ one }: { one: Inlet }) {
  const [open, setOpen] = useState(false);
  const refused = one.last_refused;
  // What was sent away after the last that was taken: somebody may use a wrong secret.
  const troubled = refused && (!one.last || Date.parse(refused.at) > Date.parse(one.last));
  return (
    <li>
      <Stands
        tone={troubled ? 'ask' : one.last ? 'good' : 'quiet'}
        word={troubled ? 'refused' : one.last ? 'works' : 'untried'}
      />
      <div>
        <b>{one.name}</b> {one.kind !== one.name && <span className="faint">{one.kind}</span>}
        <p className="faint">
          {one.taken} taken, {one.known} known already, {one.refused + one.unreadable + one.put_off} sent away
          since the server was started
          {one.last && `; the last at ${clock(one.last)} UTC`}
        </p>
        {troubled && (
          <p>
            {refused.why} <span className="faint">{clock(refused.at)} UTC</span>
          </p>
        )}
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>
            What was posted<span className="unseen"> to {one.name}</span>
          </summary>
          {open && <Deliveries inlet={one.name} />}
        </details>
      </div>
    </li>
  );
}

function Deliveries({ inlet }: { inlet: string }) {
  const deliveries = useDeliveries(inlet);
  if (deliveries.isPending) return <Waiting what="the deliveries" />;
  if (!deliveries.data) return <Trouble error={deliveries.error} again={() => void deliveries.refetch()} />;
  if (deliveries.data.length === 0) return <Nothing>Nothing that is still kept.</Nothing>;
  return (
    <ul className="sentences">
      {deliveries.data.map((one) => (
        <li key={one.id}>
          <a href={api.delivery(inlet, one.id)} target="_blank" rel="noreferrer" title={moment(one.at)}>
            {clock(one.at)} UTC
          </a>{' '}
          <span className="faint">
            {one.readable ? `${one.alarms} new alarms, ${one.changes} changes` : 'could not be read'},{' '}
            {one.bytes} bytes{one.remark && `; ${one.remark}`}
          </span>
        </li>
      ))}
    </ul>
  );
}
