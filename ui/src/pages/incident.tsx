import { type ReactNode, useCallback, useEffect, useMemo, useRef } from 'react';
import { api } from '../api/client';
import { useIncident, useReport, useTimeline } from '../api/hooks';
import type { Report } from '../api/report';
import type { Entry, Summary } from '../api/shapes';
import { CauseCard } from '../parts/cause';
import { nameOf, Said, ShownContext, useShown } from '../parts/claim';
import { Compare } from '../parts/compare';
import { Outcome, useDeed } from '../parts/deed';
import { Disagree, Judge, judged } from '../parts/disagree';
import { EvidencePanel } from '../parts/evidence';
import { Journal } from '../parts/journal';
import { Stands } from '../parts/mark';
import { hops, Propagation } from '../parts/path';
import { changes, Series } from '../parts/series';
import { Copy, Nothing, Part, Trouble, useNow, useTitle, Waiting } from '../parts/small';
import { swap, to } from '../route';
import { may, useSession } from '../session';
import { clock, length, moment, onset, since } from '../time';
import { GAP, RULED_OUT, say, standing } from '../words';
import '../styles/plan.css';
import '../styles/detail.css';

/** One incident: what happened, why we think so, what we do not know, what could be done. */
export default function Incident({ id, show }: { id: string; show: string }) {
  const incident = useIncident(id);
  const timeline = useTimeline(id);
  const report = useReport(id);
  useTitle(incident.data?.title ?? id);
  const came = useRef<HTMLElement | null>(null);

  const select = useCallback(
    (wanted: string) => {
      if (wanted) came.current = document.activeElement as HTMLElement | null;
      swap(to.incident(id, wanted));
      if (!wanted) came.current?.focus();
    },
    [id],
  );
  useEffect(() => {
    const close = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && show && !document.querySelector('dialog[open]')) select('');
    };
    window.addEventListener('keydown', close);
    return () => window.removeEventListener('keydown', close);
  }, [show, select]);
  const shown = useMemo(
    () => (report.data ? { report: report.data, selected: show, select } : null),
    [report.data, show, select],
  );

  if (incident.isPending) return <Waiting what="the incident" />;
  if (!incident.data) return <Trouble error={incident.error} again={() => void incident.refetch()} />;
  const live = !incident.data.closed;
  return (
    <div className={`incident-page${show ? ' with-panel' : ''}`}>
      <Head one={incident.data} report={report.data ?? null} looks={looking(timeline.data ?? [])} />
      <Sections ready={Boolean(report.data)} />
      <div className="main-column">
        {shown && report.data ? (
          <ShownContext value={shown}>
            <Findings report={report.data} id={id} entries={timeline.data ?? []} />
            <Disagree one={incident.data} entries={timeline.data ?? []} />
            <Compare id={id} report={report.data} entries={timeline.data ?? []} />
            <Exports report={report.data} id={id} />
          </ShownContext>
        ) : report.isPending ? (
          <Waiting what="the report" />
        ) : report.isError ? (
          <Trouble error={report.error} again={() => void report.refetch()} />
        ) : (
          <Part title="Verdict">
            <Nothing>
              There is no report yet. The timeline shows how far the look is; the verdict appears here by
              itself.
            </Nothing>
          </Part>
        )}
      </div>
      <aside className="side-column" aria-label={show ? 'Evidence' : 'Timeline of the incident'}>
        {shown && report.data && show ? (
          <ShownContext value={shown}>
            <EvidencePanel incident={id} report={report.data} />
          </ShownContext>
        ) : timeline.data ? (
          <Journal entries={timeline.data} live={live} />
        ) : timeline.isError ? (
          <Trouble error={timeline.error} again={() => void timeline.refetch()} />
        ) : (
          <Waiting what="the timeline" />
        )}
      </aside>
    </div>
  );
}

/** Does a look go on? */
function looking(entries: readonly Entry[]): boolean {
  const last = entries.findLast(({ event }) => event.event.startsWith('investigation_'));
  return last?.event.event === 'investigation_started';
}

function Head({ one, report, looks }: { one: Summary; report: Report | null; looks: boolean }) {
  const now = useNow();
  const stands = standing(one.standing);
  const began = report?.header.started;
  return (
    <header className={`head tone-${stands.tone}`}>
      <nav aria-label="Where you are" className="crumbs">
        <a href={to.now}>Now</a> <span aria-hidden="true">/</span> <span className="mono">{one.id}</span>
      </nav>
      <h1>{one.title || one.id}</h1>
      <div className="facts">
        <Stands tone={stands.tone} word={one.standing} />
        <span>
          {one.closed ? (
            <>
              took <b>{length(Date.parse(one.closed) - Date.parse(one.opened))}</b>
            </>
          ) : (
            <>
              open for <b>{since(one.opened, now)}</b>
            </>
          )}
        </span>
        {began && <span>began {onset(began)} UTC</span>}
        <span title={moment(one.opened)}>detected {clock(one.opened)} UTC</span>
        <span className="mono">
          {one.alarms.length} {one.alarms.length === 1 ? 'alarm' : 'alarms'},{' '}
          {one.firing ? 'firing' : 'quiet'}
        </span>
      </div>
      <div className="todo">
        <p>
          <b>Next:</b> {stands.next} <span className="faint">Owed by {stands.owed}.</span>
        </p>
        <LookAgain one={one} looks={looks} />
        {one.plan && (
          <a
            className={`button${one.standing === 'waits for a yes' ? ' primary' : ''}`}
            href={to.approve(one.id)}
          >
            {one.standing === 'waits for a yes' ? 'See the plan, say yes or no' : 'See the plan'}
          </a>
        )}
      </div>
      {(one.untold?.length ?? 0) > 0 && (
        <ul className="untold">
          {one.untold?.map((notice) => (
            <li key={notice.channel + notice.notice}>
              {notice.channel} was not told of {notice.notice}, tried {notice.tries} times: {notice.why}
            </li>
          ))}
        </ul>
      )}
    </header>
  );
}

/** A fresh look, for whoever may ask for one; and who did. */
function LookAgain({ one, looks }: { one: Summary; looks: boolean }) {
  const deed = useDeed();
  const session = useSession();
  if (one.closed || !may(session, 'responder')) return null;
  return (
    <div className="look-again">
      <button
        type="button"
        className="plain"
        disabled={deed.busy || looks || Boolean(one.look_asked)}
        onClick={() => void deed.run(() => api.look(one.id), [['incident', one.id]])}
      >
        Look again
      </button>
      {(deed.problem !== null || deed.said) && <Outcome deed={deed} />}
    </div>
  );
}

/** On a narrow screen the page is one long column: these lead to its parts. */
function Sections({ ready }: { ready: boolean }) {
  if (!ready) return null;
  const lead = (name: string) => {
    const part = document.querySelector<HTMLElement>(`main [data-part="${name}"]`);
    part?.scrollIntoView();
    part?.focus({ preventScroll: true });
  };
  return (
    <div className="sections" role="group" aria-label="Parts of this page">
      {['Verdict', 'Causes', 'Spread', 'Series', 'Hurt', 'Ruled out', 'Gaps', 'Timeline'].map((name) => (
        <button key={name} type="button" onClick={() => lead(name)}>
          {name}
        </button>
      ))}
    </div>
  );
}

function Findings({ report, id, entries }: { report: Report; id: string; entries: readonly Entry[] }) {
  const said = useMemo(() => judged(entries), [entries]);
  const marks = useMemo(() => changes(report), [report]);
  return (
    <>
      <Part title="Verdict" part="Verdict">
        <ol className="verdict">
          {report.verdict.map((claim) => (
            <li key={claim.id}>
              <Said claim={claim} parts />
            </li>
          ))}
        </ol>
        <p className="faint small">
          Looked at {moment(report.header.looked_at)}; {report.cost.reads} reads, {report.cost.rows} rows.
          Click a sentence to see what it stands on.
        </p>
      </Part>
      {report.unknown && (
        <Part title="Not explained">
          <Said claim={report.unknown.claim} />
          {report.unknown.reads.length > 0 && (
            <p className="faint">
              A person would look next at: {[...new Set(report.unknown.reads)].join('; ')}.
            </p>
          )}
        </Part>
      )}
      {report.causes.length > 0 && (
        <Part
          title={report.causes.length > 1 ? 'Causes, needed together' : 'Cause'}
          count={report.causes.length}
          part="Causes"
        >
          <div className="cause-list">
            {report.causes.map((cause, index) => (
              <CauseCard
                key={cause.entity + cause.mechanism + (cause.change ?? '')}
                cause={cause}
                number={index + 1}
                of={report.causes.length}
                foot={
                  <Judge
                    id={id}
                    number={index + 1}
                    cause={cause}
                    word={said.get(`${cause.entity}\n${cause.mechanism}`)}
                  />
                }
              />
            ))}
          </div>
        </Part>
      )}
      {hops(report).length > 0 && (
        <Part
          title="How it spread"
          part="Spread"
          aside={<a href={to.topology('', id)}>on the map, among the rest</a>}
        >
          <Propagation />
        </Part>
      )}
      {report.pictures.length > 0 && (
        <Part
          title="Series"
          part="Series"
          count={report.pictures.length}
          aside={
            <span className="legend small" aria-hidden="true">
              <i className="key-band" /> normal <i className="key-onset" /> began within{' '}
              <i className="key-change" /> change
            </span>
          }
        >
          <div className="series-grid">
            {report.pictures.map((picture) => (
              <Series
                key={picture.evidence + picture.title}
                picture={picture}
                marks={marks}
                group={report.ledger}
              />
            ))}
          </div>
          {marks.length > 0 && (
            <ul className="changes">
              {report.timeline
                .filter((entry) => entry.kind === 'change')
                .map((entry) => (
                  <li key={entry.claim.id}>
                    <time className="mono faint">{clock(entry.at)}</time> <Said claim={entry.claim} />
                  </li>
                ))}
            </ul>
          )}
        </Part>
      )}
      <Part title="Who is hurt, and how" part="Hurt" count={report.impact.length + report.symptoms.length}>
        {report.impact.length + report.symptoms.length === 0 && (
          <Nothing>Nobody, as far as was seen.</Nothing>
        )}
        <ul className="sentences">
          {report.impact.map((claim) => (
            <li key={claim.id}>
              <Said claim={claim} />
            </li>
          ))}
        </ul>
        {report.symptoms.length > 0 && (
          <details>
            <summary>{report.symptoms.length} symptoms</summary>
            <ul className="sentences">
              {report.symptoms.map((one) => (
                <li key={one.claim.id}>
                  <span className="tag">{one.active ? 'still there' : 'has gone'}</span>{' '}
                  <Said claim={one.claim} />
                </li>
              ))}
            </ul>
          </details>
        )}
      </Part>
      <Part title="Ruled out" part="Ruled out" count={report.ruled_out.length}>
        {report.ruled_out.length === 0 ? (
          <Nothing>Nothing had to be put aside.</Nothing>
        ) : (
          <Cut most={6} what="that were ruled out">
            {report.ruled_out.map((one) => (
              <li key={one.claim.id}>
                <span className="tag">{say(RULED_OUT, one.reason)}</span> <Said claim={one.claim} />
              </li>
            ))}
          </Cut>
        )}
      </Part>
      <Gaps />
      {report.latent.length > 0 && (
        <Part title="Wrong, but not the cause" count={report.latent.length}>
          <ul className="sentences">
            {report.latent.map((one) => (
              <li key={one.claim.id}>
                <Said claim={one.claim} />
              </li>
            ))}
          </ul>
        </Part>
      )}
      <Part title="Precedents" count={report.precedents.length}>
        {report.precedents.length === 0 ? (
          <Nothing>No earlier incident is like this one.</Nothing>
        ) : (
          <ul className="precedents">
            {report.precedents.map((one) => (
              <li key={one.case}>
                <a data-item href={to.incident(one.case)}>
                  {one.was}
                </a>{' '}
                <span className="faint">
                  {one.case} · alike to {Math.round(one.similarity * 100)}%
                </span>
              </li>
            ))}
          </ul>
        )}
      </Part>
    </>
  );
}

function Exports({ report, id }: { report: Report; id: string }) {
  return (
    <Part title="Take it with you">
      <ul className="exports">
        {api.exports(id).map(({ name, href }) => (
          <li key={name}>
            <a href={href} download>
              {name}
            </a>
          </li>
        ))}
      </ul>
      <p>
        As a recording, to replay and to keep: <code>{`midwatch record ${id} --out incident/`}</code>{' '}
        <Copy text={`midwatch record ${id} --out incident/`} what="the command" />
      </p>
      <p className="faint small">
        Engine {report.header.engine.version}, rules <code>{report.header.engine.rules.slice(0, 12)}</code>,
        ledger <code>{report.ledger.slice(0, 12)}</code>: <code>midwatch verify</code> derives every sentence
        again.
      </p>
    </Part>
  );
}

function Gaps() {
  const { report } = useShown();
  return (
    <Part title="What could not be seen" part="Gaps" count={report.gaps.length}>
      {report.gaps.length === 0 ? (
        <Nothing>Everything that was wanted could be looked at.</Nothing>
      ) : (
        <ul className="gaps">
          {report.gaps.map((gap) => (
            <li key={gap.wanted + (gap.entity ?? '') + gap.why}>
              <p>
                <b>{gap.wanted}</b>
                {gap.entity && <> of {nameOf(report, gap.entity)}</>}{' '}
                <span className="tag">{say(GAP, gap.why)}</span>
                {gap.detail && <span> {gap.detail}</span>}
              </p>
              {gap.affects.length > 0 && <p className="faint">Would bear on: {gap.affects.join('; ')}.</p>}
              <p>
                <b>To close it:</b>{' '}
                {gap.how_to_close ||
                  'nothing is known that would; see midwatch doctor for what is connected.'}
              </p>
            </li>
          ))}
        </ul>
      )}
    </Part>
  );
}

/** The first few of a list, and the rest when it is wanted. */
function Cut({ children, most, what }: { children: ReactNode[]; most: number; what: string }) {
  const rest = children.slice(most);
  return (
    <>
      <ul className="sentences">{children.slice(0, most)}</ul>
      {rest.length > 0 && (
        <details>
          <summary>
            {rest.length} more {what}
          </summary>
          <ul className="sentences">{rest}</ul>
        </details>
      )}
    </>
  );
}
