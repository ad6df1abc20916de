import { useEffect, useState } from 'react';
import { useIncident, useReport, useTimeline } from '../api/hooks';
import type { Plan, PlannedStep } from '../api/shapes';
import { nameOf } from '../parts/claim';
import { Decide } from '../parts/decide';
import { Stands } from '../parts/mark';
import { Copy, Nothing, Part, Trouble, useNow, useTitle, Waiting } from '../parts/small';
import { difference, plan as fold, type PlanStands, type StepStands, undecided } from '../plan';
import { to } from '../route';
import { clock, length, nanos } from '../time';
import { action, capital, condition, standing, type Tone } from '../words';
import '../styles/plan.css';
import '../styles/detail.css';

/** The exact plan; a yes or a no to it; and, afterwards, its run and its check. */
export default function Approve({ id }: { id: string }) {
  const incident = useIncident(id);
  const timeline = useTimeline(id);
  const report = useReport(id);
  useTitle('The plan');
  const newest = incident.data?.plan ?? null;
  // What a person has begun to read stays as it is: a newer plan is offered, never slipped in.
  const [shown, setShown] = useState(newest);
  useEffect(() => {
    if (newest && !shown) setShown(newest);
  }, [newest, shown]);

  if (incident.isPending || timeline.isPending) return <Waiting what="the plan" />;
  if (!incident.data) return <Trouble error={incident.error} again={() => void incident.refetch()} />;
  if (!timeline.data) return <Trouble error={timeline.error} again={() => void timeline.refetch()} />;
  const why = timeline.data.flatMap(({ event }) => (event.event === 'no_plan' ? event.why : []));
  if (!shown) {
    return (
      <div className="plan-page">
        <Crumbs id={id} />
        <h1>There is no plan</h1>
        {why.length > 0 ? (
          <ul>
            {why.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        ) : (
          <Nothing>
            Midwatch has not proposed one for this incident. It appears here by itself if it does.
          </Nothing>
        )}
      </div>
    );
  }
  const { plan, digest } = shown;
  const stands = fold(digest, plan.steps.length, timeline.data);
  const replaced = newest !== null && newest.digest !== digest;
  const name = (entity: string) => nameOf(report.data, entity);
  return (
    <div className="plan-page">
      <Crumbs id={id} />
      <h1>{incident.data.title}</h1>
      <PlanHead stands={stands} standingWord={incident.data.standing} replaced={replaced} />
      {replaced && (
        <div className="replaced" role="alert">
          <strong>There is a newer plan.</strong> What you see is the one that you opened; it can no longer be
          approved.
          <button type="button" className="primary" onClick={() => setShown(newest)}>
            Show the newer plan
          </button>
        </div>
      )}
      <Part
        title="The plan"
        aside={
          <span className="digest-line">
            <span className="faint">digest</span> <code className="digest">{digest.slice(0, 12)}</code>
            <Copy text={digest} what="the plan’s digest" />
          </span>
        }
      >
        <ol className="steps-list">
          {plan.steps.map((step, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a plan's steps never move; their place is their name.
            <li key={index}>
              <Step step={step} number={index + 1} stands={stands.steps[index]} name={name} />
            </li>
          ))}
        </ol>
        <p className="faint small">
          Performed in this order, undone in the opposite order
          {plan.stop.all.length > 0 && (
            <>; broken off and undone as soon as not: {plan.stop.all.map((c) => condition(c)).join('; ')}</>
          )}
          . The yes is bound to this digest: should one word of the plan change, it is void.
        </p>
      </Part>
      {stands.checks.length > 0 && <Verification stands={stands} />}
      <div className="columns">
        <Gate stands={stands} plan={plan} />
        <Reach plan={plan} name={name} />
      </div>
      {stands.checks.length === 0 && <Expect plan={plan} />}
      <Decide key={digest} id={id} plan={plan} stands={stands} replaced={replaced} />
    </div>
  );
}

function Crumbs({ id }: { id: string }) {
  return (
    <nav aria-label="Where you are" className="crumbs">
      <a href={to.now}>Now</a> <span aria-hidden="true">/</span>{' '}
      <a href={to.incident(id)} className="mono">
        {id}
      </a>{' '}
      <span aria-hidden="true">/</span> plan
    </nav>
  );
}

/** How the plan stands, as a word and a sentence. */
function described(stands: PlanStands, word: string): [Tone, string, string] {
  const last = stands.checks.at(-1);
  if (stands.ended?.run === 'completed' && last?.passed) {
    return [
      'good',
      'verified',
      `Every step is done, and fresh telemetry showed at ${clock(last.at)} UTC that it worked.`,
    ];
  }
  if (stands.ended?.run === 'completed') {
    return ['work', 'verifying', 'Every step is done. Fresh telemetry is held against the check.'];
  }
  if (stands.ended?.run === 'unwound') return ['bad', 'broken off and undone', stands.ended.why];
  if (stands.ended) return ['bad', 'stuck', `${stands.ended.why} A person must look.`];
  if (stands.running) return ['work', 'being performed', 'The steps below show how far it is.'];
  if (stands.refused) {
    return [
      'bad',
      'refused',
      `${stands.refused.by} said no${stands.refused.why ? `: ${stands.refused.why}` : ''}.`,
    ];
  }
  if (stands.expired) return ['bad', 'nobody answered', 'The time for an answer ran out.'];
  if (stands.withdrawn) return ['quiet', 'withdrawn', stands.withdrawn.join('; ')];
  if (stands.approvedBy)
    return ['work', 'approved', `${stands.approvedBy} said yes. The gate is asked once more.`];
  if (undecided(stands)) {
    return ['ask', 'waits for a yes', 'Read it, then say yes or no below.'];
  }
  if (stands.gate?.gate === 'refuse')
    return ['bad', 'not permitted', 'The gate says no; its reasons are below.'];
  return [standing(word).tone, word, standing(word).next];
}

function PlanHead({
  stands,
  standingWord,
  replaced,
}: {
  stands: PlanStands;
  standingWord: string;
  replaced: boolean;
}) {
  const now = useNow();
  const open = undecided(stands) && !replaced;
  const [tone, word, said]: [Tone, string, string] =
    replaced && !open && !stands.running && !stands.ended
      ? ['quiet', 'replaced', 'A newer look led to another plan.']
      : described(stands, standingWord);
  const left = stands.askedUntil ? Date.parse(stands.askedUntil) - now : 0;
  return (
    <div className={`plan-head tone-${tone}`} role="status">
      <Stands tone={tone} word={word} />
      <span>{said}</span>
      {open && stands.askedUntil && (
        <span className="faint" aria-live="off">
          Until {clock(stands.askedUntil)} UTC{left > 0 && `: ${length(left)} left`}.
        </span>
      )}
    </div>
  );
}

function mark(stands: StepStands | undefined): [Tone, string] {
  if (!stands?.begun) return ['quiet', 'not begun'];
  if (stands.undone?.outcome === 'done') return ['ask', 'undone'];
  if (stands.undone) return ['bad', `undoing it: ${stands.undone.why}`];
  if (stands.undoing) return ['work', 'being undone'];
  if (!stands.outcome) return ['work', 'under way'];
  if (stands.outcome.outcome === 'done') return ['good', 'done'];
  return ['bad', `${stands.outcome.outcome === 'failed' ? 'failed' : 'not known'}: ${stands.outcome.why}`];
}

function Step({
  step,
  number,
  stands,
  name,
}: {
  step: PlannedStep;
  number: number;
  stands: StepStands | undefined;
  name(entity: string): string;
}) {
  const [tone, word] = mark(stands);
  const entity = 'entity' in step.action ? step.action.entity : '';
  return (
    <article className={`step tone-${tone}`} data-item tabIndex={-1} aria-label={`Step ${number}`}>
      <header>
        <h3>
          <span className="faint">{number}.</span> {capital(action(step.action))}
        </h3>
        <Stands tone={tone} word={word} />
      </header>
      <table className="diff">
        <caption>
          What it changes{entity && <> on {name(entity)}</>}, by {step.actuator}
        </caption>
        <tbody>
          {difference(step.before, step.after).map((line) => (
            <tr
              key={line.sign + line.text}
              className={line.sign === '-' ? 'gone' : line.sign === '+' ? 'come' : ''}
            >
              <th scope="row">
                <span aria-hidden="true">{line.sign === '-' ? '−' : line.sign}</span>
                <span className="unseen">
                  {line.sign === '-' ? 'now' : line.sign === '+' ? 'then' : 'stays'}
                </span>
              </th>
              <td>{line.text}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <dl className="pairs">
        <dt>Way back</dt>
        <dd>{step.undo ? action(step.undo) : <b>there is none</b>}</dd>
        <dt>Harmless</dt>
        <dd>{step.harmless ? 'yes: it destroys nothing and has a way back' : <b>no</b>}</dd>
        <dt>Because</dt>
        <dd>{step.because}</dd>
        {stands?.outcome?.outcome === 'done' && stands.outcome.detail && (
          <>
            <dt>Said</dt>
            <dd className="mono">{stands.outcome.detail}</dd>
          </>
        )}
      </dl>
    </article>
  );
}

function Gate({ stands, plan }: { stands: PlanStands; plan: Plan }) {
  const gate = stands.gate;
  const sure = Math.min(...plan.basis.map((basis) => basis.confidence));
  const [tone, word]: [Tone, string] = !gate
    ? ['work', 'has not been asked yet']
    : gate.gate === 'go'
      ? ['good', 'go']
      : gate.gate === 'ask'
        ? ['ask', 'a person must say yes']
        : ['bad', 'no'];
  return (
    <Part title="What the gate says" aside={<Stands tone={tone} word={word} />}>
      <ul className="reasons">
        {gate?.reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      <dl className="pairs">
        <dt>Who may say yes</dt>
        <dd>
          {stands.who === null
            ? 'the gate has not named anybody'
            : stands.who.length > 0
              ? stands.who.join(', ')
              : 'anyone whom the policy lets approve'}
        </dd>
        {stands.approvedBy && (
          <>
            <dt>Said yes</dt>
            <dd>
              {stands.approvedBy}
              {stands.approvedAt && ` at ${clock(stands.approvedAt)} UTC`}
            </dd>
          </>
        )}
        {plan.basis.length > 0 && (
          <>
            <dt>Rests on</dt>
            <dd>
              {plan.basis.length === 1 ? 'one cause' : `${plan.basis.length} causes`}, the least sure at{' '}
              {sure.toFixed(2)}
            </dd>
          </>
        )}
        {gate?.gate === 'refuse' && gate.again_at && (
          <>
            <dt>Ask again</dt>
            <dd>at {clock(gate.again_at)} UTC</dd>
          </>
        )}
      </dl>
    </Part>
  );
}

function Reach({ plan, name }: { plan: Plan; name(entity: string): string }) {
  return (
    <Part title="Blast radius" count={plan.touches.length}>
      <ul className="touches">
        {plan.touches.map((entity) => (
          <li key={entity}>
            {name(entity)} <span className="faint mono">{name(entity) === entity ? '' : entity}</span>
          </li>
        ))}
      </ul>
      {plan.risks.length > 0 && (
        <>
          <h3>What could go wrong</h3>
          <ul className="reasons">
            {plan.risks.map((risk) => (
              <li key={risk}>{risk}</li>
            ))}
          </ul>
        </>
      )}
    </Part>
  );
}

function Expect({ plan }: { plan: Plan }) {
  return (
    <Part title="How we shall know that it worked" count={plan.expect.all.length}>
      <ul className="reasons">
        {plan.expect.all.map((one) => (
          <li key={condition(one)}>{condition(one)}</li>
        ))}
      </ul>
      <p className="faint small">
        Over {nanos(plan.expect.over)} of fresh telemetry, {nanos(plan.settle)} after the last step at the
        earliest; if it does not hold within {nanos(plan.patience)}, it has failed.
      </p>
    </Part>
  );
}

function Verification({ stands }: { stands: PlanStands }) {
  const last = stands.checks.at(-1);
  if (!last) return null;
  const holds: Record<string, [Tone, string]> = {
    yes: ['good', 'holds'],
    no: ['bad', 'does not hold'],
    cannot_tell: ['quiet', 'cannot tell yet'],
  };
  const well = last.checks.filter((one) => one.holds === 'yes').length;
  return (
    <Part
      title="Verification"
      aside={
        <Stands tone={last.passed ? 'good' : 'work'} word={last.passed ? 'it worked' : 'not well yet'} />
      }
    >
      <p>
        {well} of {last.checks.length} hold at {clock(last.at)} UTC;{' '}
        {stands.checks.length === 1 ? 'this is the first check' : `this is check ${stands.checks.length}`}.
      </p>
      <table className="checks">
        <thead>
          <tr>
            <th scope="col">Stands</th>
            <th scope="col">Condition</th>
            <th scope="col">Seen</th>
          </tr>
        </thead>
        <tbody>
          {last.checks.map((one) => {
            const [tone, word] = holds[one.holds] ?? ['quiet', one.holds];
            return (
              <tr key={condition(one.condition)}>
                <td>
                  <Stands tone={tone} word={word} />
                </td>
                <td>{condition(one.condition)}</td>
                <td className="faint">{one.seen}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Part>
  );
}
