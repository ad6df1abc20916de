import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import { useEverything } from '../api/hooks';
import type { Report } from '../api/report';
import type { Entry } from '../api/shapes';
import { clock } from '../time';
import { Nothing, Part, Trouble, Waiting } from './small';

/** Two looks side by side: what they saw differently. */
export function Compare({ id, report, entries }: { id: string; report: Report; entries: readonly Entry[] }) {
  const [with_, setWith] = useState('');
  const all = useEverything();
  const earlier = entries.flatMap(({ at, event }) =>
    event.event === 'investigation_ended' && event.report.ledger !== report.ledger
      ? [{ at, ledger: event.report.ledger, attempt: event.attempt }]
      : [],
  );
  const others = (all.data ?? []).filter((one) => one.id !== id).slice(0, 100);
  const right = `incident:${id}@${report.ledger}`;
  const compared = useQuery({
    queryKey: ['compare', with_, right],
    queryFn: ({ signal }) => api.compare(with_, right, signal),
    enabled: with_ !== '',
    refetchInterval: false,
  });
  if (earlier.length === 0 && others.length === 0) return null;
  return (
    <Part title="Compare with another look">
      <label className="field">
        What did this look see differently from
        <select value={with_} onChange={(event) => setWith(event.target.value)}>
          <option value="">choose …</option>
          {earlier.length > 0 && (
            <optgroup label="Earlier looks at this incident">
              {earlier.map((look) => (
                <option key={look.ledger} value={`incident:${id}@${look.ledger}`}>
                  look {look.attempt} at {clock(look.at)} UTC
                </option>
              ))}
            </optgroup>
          )}
          <optgroup label="Other incidents">
            {others.map((one) => (
              <option key={one.id} value={`incident:${one.id}`}>
                {one.id} · {one.title.slice(0, 60)}
              </option>
            ))}
          </optgroup>
        </select>
      </label>
      {with_ && compared.isPending && <Waiting what="the difference" />}
      {compared.isError && <Trouble error={compared.error} again={() => void compared.refetch()} />}
      {compared.data === null && (
        <Nothing>
          That look cannot be compared here: it has no report, or this server does not compare. At its
          terminal: midwatch diff.
        </Nothing>
      )}
      {compared.data?.same && <Nothing>They say the same.</Nothing>}
      {compared.data && !compared.data.same && (
        <table className="checks compared">
          <thead>
            <tr>
              <th scope="col">About</th>
              <th scope="col">That look</th>
              <th scope="col">This look</th>
            </tr>
          </thead>
          <tbody>
            {compared.data.differences.map((one) => (
              <tr key={`${one.part} ${one.about} ${one.before} ${one.after}`}>
                <td>
                  <span className="tag">{one.part.replaceAll('_', ' ')}</span> {one.about}
                </td>
                <td>{one.before ?? <span className="faint">not there</span>}</td>
                <td>{one.after ?? <span className="faint">not there</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Part>
  );
}
