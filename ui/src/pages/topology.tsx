import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { useChanges, useOpen, useReport, useTopology } from '../api/hooks';
import type { Change, Entity, Topology as Shape } from '../api/shapes';
import type { Drawn } from '../map/draw';
import { type Health, health, search, touched, UNKNOWN } from '../map/health';
import { Stands } from '../parts/mark';
import { hops } from '../parts/path';
import { Nothing, Part, Trouble, useNow, useTitle, Waiting } from '../parts/small';
import { swap, to } from '../route';
import { colour, onLook } from '../theme';
import { moment, since } from '../time';
import { LEANS, say } from '../words';
import '../styles/detail.css';
import '../styles/map.css';

/** What leans on what, how each stands, and what was changed of late. The list says all that the picture shows. */
export default function Topology({ at, incident }: { at: string; incident: string }) {
  const topology = useTopology();
  const changes = useChanges();
  const open = useOpen();
  const report = useReport(incident);
  useTitle('Topology');
  const stands = useMemo(() => health(open.data ?? []), [open.data]);
  const changed = useMemo(() => touched(changes.data ?? []), [changes.data]);
  const ways = useMemo(() => {
    const found = report.data ? hops(report.data) : [];
    // A hop is told as failure travels; the edge points the other way.
    return new Set(found.map((hop) => `${hop.to}\n${hop.from}`));
  }, [report.data]);
  const select = (id: string) => swap(to.topology(id, incident));
  if (topology.isPending) return <Waiting what="what leans on what" />;
  if (topology.isError && !topology.data)
    return <Trouble error={topology.error} again={() => void topology.refetch()} />;
  if (!topology.data || topology.data.entities.length === 0) {
    return (
      <div className="map-page">
        <h1>Topology</h1>
        <Nothing>
          Nothing is known of what leans on what. Traces and connectors tell it: Set-up says which are
          connected.
        </Nothing>
      </div>
    );
  }
  return (
    <div className="map-page">
      <header className="map-head">
        <h1>Topology</h1>
        <p className="faint">
          {topology.data.entities.length.toLocaleString('en')} entities,{' '}
          {topology.data.edges.length.toLocaleString('en')} edges
          {incident && (
            <>
              {' '}
              · lit: how failure spread in <a href={to.incident(incident)}>{incident}</a>
            </>
          )}
        </p>
      </header>
      <Picture
        topology={topology.data}
        stands={stands}
        changed={changed}
        lit={ways}
        at={at}
        select={select}
      />
      <div className="map-side">
        {at && (
          <One key={at} id={at} topology={topology.data} stands={stands} changed={changed} select={select} />
        )}
        <List topology={topology.data} stands={stands} changed={changed} at={at} select={select} />
      </div>
    </div>
  );
}

interface Shared {
  topology: Shape;
  stands: Map<string, Health>;
  changed: Map<string, Change[]>;
  at: string;
  select(id: string): void;
}

function Picture({ topology, stands, changed, lit, at, select }: Shared & { lit: Set<string> }) {
  const place = useRef<HTMLDivElement>(null);
  const drawn = useRef<Drawn | null>(null);
  const [fault, setFault] = useState('');
  const [ready, setReady] = useState(0);
  const latest = useRef({ stands, lit, select, changed });
  latest.current = { stands, lit, select, changed };

  useEffect(() => {
    const node = place.current;
    if (!node) return;
    let gone = false;
    let turn = 0;
    const build = async () => {
      const mine = ++turn;
      try {
        const { draw } = await import('../map/draw');
        if (gone || mine !== turn) return;
        drawn.current?.kill();
        drawn.current = draw(node, {
          topology,
          stands: latest.current.stands,
          changed: new Set(latest.current.changed.keys()),
          lit: latest.current.lit,
          pick: (id) => latest.current.select(id),
          colour,
        });
        setFault('');
        setReady(mine);
      } catch (error) {
        if (!gone) setFault(error instanceof Error ? error.message : String(error));
      }
    };
    void build();
    const off = onLook(() => void build());
    return () => {
      gone = true;
      off();
      drawn.current?.kill();
      drawn.current = null;
    };
  }, [topology]);
  useEffect(() => {
    if (ready) drawn.current?.restand(stands, lit);
  }, [stands, lit, ready]);
  useEffect(() => {
    if (ready) drawn.current?.focus(at, at !== '');
  }, [at, ready]);

  return (
    <section className="map-frame" aria-label="Map">
      <div ref={place} className="map-place" data-ready={ready || undefined} aria-hidden="true" />
      {fault && (
        <p className="nothing map-fault">
          The map cannot be drawn in this browser ({fault}). The list has everything that it shows.
        </p>
      )}
      {!fault && !ready && <p className="waiting map-fault">Drawing …</p>}
      {!fault && (
        <div className="map-tools" role="group" aria-label="Map">
          <button type="button" onClick={() => drawn.current?.zoom(0.6)}>
            <span aria-hidden="true">+</span>
            <span className="unseen">Nearer</span>
          </button>
          <button type="button" onClick={() => drawn.current?.zoom(1.7)}>
            <span aria-hidden="true">−</span>
            <span className="unseen">Farther</span>
          </button>
          <button
            type="button"
            onClick={() => {
              select('');
              drawn.current?.focus('', true);
            }}
          >
            Everything
          </button>
        </div>
      )}
      <Legend />
    </section>
  );
}

function Legend() {
  return (
    <p className="map-legend small">
      <Stands tone="bad" word="cause" />
      <Stands tone="ask" word="alarm fires" />
      <Stands tone="work" word="alarm is quiet" />
      <span>
        <i className="key-flag" aria-hidden="true" /> changed of late
      </span>
      <span className="faint">arrows point at what is leaned on</span>
    </p>
  );
}

/** As many rows as a person reads; the rest by search, or a part at a time. */
const ROWS = 60;

function List({ topology, stands, changed, at, select }: Shared) {
  const [typed, setTyped] = useState('');
  const wanted = useDeferredValue(typed);
  const [rows, setRows] = useState(ROWS);
  const now = useNow(30_000);
  const found = useMemo(() => search(topology.entities, wanted, stands), [topology, wanted, stands]);
  const shown = found.slice(0, rows);
  return (
    <Part title="Entities" count={found.length}>
      <label className="field">
        Find by name, kind, label or how it stands
        <input
          type="search"
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setRows(ROWS);
          }}
          onKeyDown={(event) => {
            const first = found[0];
            if (event.key === 'Enter' && first) select(first.id);
          }}
        />
      </label>
      <p role="status" className="faint small">
        {wanted ? `${found.length} found` : 'those that are not well come first'}
      </p>
      <table className="entities">
        <thead>
          <tr>
            <th scope="col">Entity</th>
            <th scope="col">Stands</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((one) => {
            const stand = stands.get(one.id);
            const last = changed.get(one.id)?.[0];
            return (
              <tr key={one.id} aria-current={at === one.id ? 'true' : undefined}>
                <th scope="row">
                  <button type="button" className="plain" data-item onClick={() => select(one.id)}>
                    {one.name}
                  </button>
                  <span className="faint small"> {(one.kind ?? 'unknown').replaceAll('_', ' ')}</span>
                </th>
                <td>
                  {stand && <Stands tone={stand.tone} word={stand.word} />}
                  {last && <div className="faint small">changed {since(last.start, now)} ago</div>}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {found.length > shown.length && (
        <button type="button" onClick={() => setRows(rows + 200)}>
          {Math.min(200, found.length - shown.length)} more of {found.length - shown.length}
        </button>
      )}
    </Part>
  );
}

/** One entity: how it stands, what it leans on, who leans on it, what was changed of it. */
function One({ id, topology, stands, changed, select }: Omit<Shared, 'at'> & { id: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const now = useNow(30_000);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const known = useMemo(() => new Map(topology.entities.map((one) => [one.id, one])), [topology]);
  const edges = useMemo(
    () => ({
      down: topology.edges.filter((edge) => edge.from === id),
      up: topology.edges.filter((edge) => edge.to === id),
    }),
    [topology, id],
  );
  const one = known.get(id);
  if (!one) {
    return (
      <Part title="Not on the map">
        <Nothing>Nothing called {id} is known now.</Nothing>
      </Part>
    );
  }
  const stand = stands.get(id) ?? UNKNOWN;
  const last = changed.get(id) ?? [];
  return (
    <section className="part one" aria-labelledby="one-title">
      <header>
        <h2 id="one-title" ref={heading} tabIndex={-1}>
          {one.name}
        </h2>
        <button type="button" className="plain" onClick={() => select('')}>
          Close
        </button>
      </header>
      <p>
        <Stands tone={stand.tone} word={stand.word} />{' '}
        <span className="faint">
          {(one.kind ?? 'unknown').replaceAll('_', ' ')} <span className="mono">{one.id}</span>
        </span>
      </p>
      {stand.incidents.map((incident) => (
        <p key={incident.id}>
          <a href={to.incident(incident.id)}>{incident.title}</a>
        </p>
      ))}
      <div className="neighbours">
        <Neighbours
          title="Leans on"
          list={edges.down.map((e) => [e.to, e.kind])}
          known={known}
          stands={stands}
          select={select}
        />
        <Neighbours
          title="Leaned on by"
          list={edges.up.map((e) => [e.from, e.kind])}
          known={known}
          stands={stands}
          select={select}
        />
      </div>
      <h3>Changed of late</h3>
      {last.length === 0 ? (
        <Nothing>Nothing that is known.</Nothing>
      ) : (
        <ul className="sentences">
          {last.slice(0, 8).map((change) => (
            <li key={change.id}>
              <span className="faint" title={moment(change.start)}>
                {since(change.start, now)} ago
              </span>{' '}
              {change.title}
              {change.actor && <span className="faint"> by {change.actor}</span>}
              {change.undone && <span className="tag">undone</span>}
            </li>
          ))}
        </ul>
      )}
      {Object.keys(one.labels ?? {}).length > 0 && (
        <details>
          <summary>Labels</summary>
          <dl className="pairs">
            {Object.entries(one.labels ?? {}).map(([name, value]) => (
              <div key={name} className="pair">
                <dt>{name}</dt>
                <dd className="mono">{value}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      <p>
        <a href={to.ask(`errors of ${one.id} in the last 15 minutes`)}>Ask about it</a>
      </p>
    </section>
  );
}

function Neighbours({
  title,
  list,
  known,
  stands,
  select,
}: {
  title: string;
  list: [string, string | undefined][];
  known: Map<string, Entity>;
  stands: Map<string, Health>;
  select(id: string): void;
}) {
  const [all, setAll] = useState(false);
  const shown = all ? list : list.slice(0, 12);
  return (
    <div>
      <h3>
        {title} <span className="count">{list.length}</span>
      </h3>
      {list.length === 0 && <Nothing>Nothing that is known.</Nothing>}
      <ul>
        {shown.map(([id, kind]) => {
          const stand = stands.get(id);
          return (
            <li key={id + kind}>
              <button type="button" className="plain" data-item onClick={() => select(id)}>
                {known.get(id)?.name ?? id}
              </button>{' '}
              <span className="faint small">{say(LEANS, kind ?? 'calls')}</span>{' '}
              {stand && <Stands tone={stand.tone} word={stand.word} />}
            </li>
          );
        })}
      </ul>
      {list.length > shown.length && (
        <button type="button" className="plain" onClick={() => setAll(true)}>
          {list.length - shown.length} more
        </button>
      )}
    </div>
  );
}
