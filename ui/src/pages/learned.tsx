import { useQueries } from '@tanstack/react-query';
import { api } from '../api/client';
import { useEverything, useLessons, useStats } from '../api/hooks';
import type { Lesson, Share, Spread, Summary } from '../api/shapes';
import { Stands } from '../parts/mark';
import { Nothing, Part, Trouble, useTitle, Waiting } from '../parts/small';
import { to } from '../route';
import { length, moment, nanos } from '../time';
import { AREA, say, standing } from '../words';
import '../styles/plan.css';
import '../styles/detail.css';

/** How many journals are read for their lessons where the server has no list of lessons. */
const JOURNALS = 20;

/** How the watch has done, what broke, and what would have prevented it. */
export default function Learned() {
  useTitle('Learned');
  const stats = useStats();
  const all = useEverything();
  const lessons = useKnownLessons(all.data);
  const closed = (all.data ?? [])
    .filter((one) => one.closed)
    .sort((a, b) => Date.parse(b.opened) - Date.parse(a.opened));
  return (
    <div className="learned">
      <h1>What was learned</h1>
      <Part title="How the watch has done">
        {stats.isPending && <Waiting what="the figures" />}
        {stats.isError && !stats.data && <Trouble error={stats.error} again={() => void stats.refetch()} />}
        {stats.data && (
          <>
            <div className="figures">
              <Figure name="to detect" short="MTTD" spread={stats.data.detect} />
              <Figure name="to investigate" short="MTTI" spread={stats.data.investigate} />
              <Figure name="to recover" short="MTTR" spread={stats.data.recover} />
              <Figure name="from a yes to recovered" spread={stats.data.approved_to_recovered} />
              <Portion name="recoveries that worked" share={stats.data.recovery} />
              <Portion name="false alarms" share={stats.data.false_alarms} />
              {stats.data.right && <Portion name="causes blamed rightly" share={stats.data.right} />}
              {stats.data.found && <Portion name="causes that were found" share={stats.data.found} />}
            </div>
            <p className="faint small">
              Over {stats.data.incidents} {stats.data.incidents === 1 ? 'incident' : 'incidents'}; of{' '}
              {stats.data.labelled} a cause is known for certain: a recovery that answered it worked, or a
              person said so.
            </p>
            {(stats.data.calibration?.length ?? 0) > 0 && (
              <ul className="tally" aria-label="How sure reports were, and how often rightly">
                {stats.data.calibration?.map((one) => (
                  <li key={one.from}>
                    sure to <b>{one.stated.toFixed(2)}</b> on average: {one.share.hits} of {one.share.of} were
                    causes
                  </li>
                ))}
              </ul>
            )}
          </>
        )}
      </Part>
      <div className="columns">
        <Part title="Mechanisms seen">
          {stats.data && Object.keys(stats.data.mechanisms).length === 0 && (
            <Nothing>None for certain yet.</Nothing>
          )}
          <ul className="tally">
            {Object.entries(stats.data?.mechanisms ?? {})
              .sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]))
              .map(([id, count]) => (
                <li key={id}>
                  <b>{count}</b> <span className="mono">{id}</span>
                </li>
              ))}
          </ul>
        </Part>
        <Prevention lessons={lessons} />
      </div>
      <Part title="Incidents" count={closed.length}>
        {all.isPending && <Waiting what="the incidents" />}
        {all.isError && !all.data && <Trouble error={all.error} again={() => void all.refetch()} />}
        {all.data && closed.length === 0 && <Nothing>None is over yet.</Nothing>}
        {closed.length > 0 && <History closed={closed} />}
      </Part>
    </div>
  );
}

/** From the server's list; where it has none, from the newest journals. */
function useKnownLessons(all: Summary[] | undefined): Lesson[] {
  const listed = useLessons();
  const wanted = listed.data === null ? (all ?? []).filter((one) => one.closed).slice(0, JOURNALS) : [];
  const journals = useQueries({
    queries: wanted.map((one) => ({
      queryKey: ['incident', one.id, 'timeline'],
      queryFn: ({ signal }: { signal: AbortSignal }) => api.timeline(one.id, signal),
      staleTime: 10 * 60_000,
    })),
  });
  if (listed.data) return listed.data;
  return journals.flatMap((journal) =>
    (journal.data ?? []).flatMap(({ event }) => (event.event === 'lesson_learned' ? [event.lesson] : [])),
  );
}

function Figure({ name, short, spread }: { name: string; short?: string; spread: Spread }) {
  return (
    <div className="figure">
      <b>{spread.count === 0 ? '–' : nanos(spread.p50)}</b>
      <span>
        {name} {short && <abbr>{short}</abbr>}
      </span>
      <span className="faint small">
        {spread.count === 0
          ? 'not measured yet'
          : spread.count === 1
            ? 'of one incident'
            : `half within that, 95% within ${nanos(spread.p95)}, mean ${nanos(spread.mean)}, of ${spread.count}`}
      </span>
    </div>
  );
}

function Portion({ name, share }: { name: string; share: Share }) {
  return (
    <div className="figure">
      <b>{share.of === 0 ? '–' : `${share.hits} of ${share.of}`}</b>
      <span>{name}</span>
      <span className="faint small">
        {share.of === 0 ? 'none yet' : `${Math.round((share.hits / share.of) * 100)}%`}
      </span>
    </div>
  );
}

function Prevention({ lessons }: { lessons: Lesson[] }) {
  const areas = Object.keys(AREA).map((area) => {
    const advice = new Map<string, string[]>();
    for (const lesson of lessons) {
      for (const one of lesson.advice.filter((each) => each.area === area)) {
        advice.set(one.text, [...(advice.get(one.text) ?? []), lesson.incident]);
      }
    }
    return {
      area,
      advice: [...advice].sort((a, b) => b[1].length - a[1].length || a[0].localeCompare(b[0])),
    };
  });
  return (
    <Part title="So that it does not happen again">
      {lessons.length === 0 && <Nothing>No lesson has been drawn yet.</Nothing>}
      {areas
        .filter(({ advice }) => advice.length > 0)
        .map(({ area, advice }) => (
          <div key={area} className="area">
            <h3>{say(AREA, area)}</h3>
            <ul>
              {advice.map(([text, incidents]) => (
                <li key={text}>
                  {text}{' '}
                  <span className="faint small">
                    after{' '}
                    {incidents.map((id, index) => (
                      <span key={id}>
                        {index > 0 && ', '}
                        <a href={to.incident(id)}>{id.split('-').pop()}</a>
                      </span>
                    ))}
                  </span>
                </li>
              ))}
            </ul>
          </div>
        ))}
    </Part>
  );
}

function History({ closed }: { closed: Summary[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard.
    <div className="scroll" role="group" aria-label="Table of incidents" tabIndex={0}>
      <table className="history">
        <thead>
          <tr>
            <th scope="col">Ended</th>
            <th scope="col">Incident</th>
            <th scope="col">Causes</th>
            <th scope="col">Opened</th>
            <th scope="col">Took</th>
          </tr>
        </thead>
        <tbody>
          {closed.map((one) => (
            <tr key={one.id}>
              <td>
                <Stands tone={standing(one.standing).tone} word={one.standing} />
              </td>
              <td>
                <a data-item href={to.incident(one.id)}>
                  {one.title || one.id}
                </a>
              </td>
              <td className="mono small">{one.causes.map((cause) => cause.mechanism).join(', ') || '–'}</td>
              <td className="faint whole">{moment(one.opened)}</td>
              <td className="whole">{length(Date.parse(one.closed ?? '') - Date.parse(one.opened))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
