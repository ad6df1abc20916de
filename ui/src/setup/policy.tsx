import { useState } from 'react';
import { api } from '../api/client';
import { useEverything, usePolicy } from '../api/hooks';
import type { GateAnswer, Policy, Simulated } from '../api/shapes';
import { Outcome, useDeed } from '../parts/deed';
import { Stands } from '../parts/mark';
import { Nothing, Part, Trouble, Waiting } from '../parts/small';
import { moment, nanos } from '../time';
import type { Tone } from '../words';

/** What may be done unasked, when, and who may say yes; and what would happen if it were otherwise. */
export function PolicyPart() {
  const policy = usePolicy();
  return (
    <Part title="What may be done, and who may say yes">
      {policy.isPending && <Waiting what="the policy" />}
      {policy.isError && !policy.data && <Trouble error={policy.error} again={() => void policy.refetch()} />}
      {policy.data === null && <Nothing>This server does not tell.</Nothing>}
      {policy.data && <Shown policy={policy.data} />}
    </Part>
  );
}

function Shown({ policy }: { policy: Policy }) {
  const { rules } = policy;
  return (
    <>
      {policy.wrong && (
        <div className="trouble" role="alert">
          <strong>The policy cannot be read, so nothing is permitted</strong>
          <p>
            {policy.wrong.line && `line ${policy.wrong.line}: `}
            {policy.wrong.what}
          </p>
        </div>
      )}
      <dl className="pairs">
        <dt>Policy</dt>
        <dd className="mono">{policy.name}</dd>
        <dt>Known to the gate</dt>
        <dd>{policy.people.join(', ') || 'nobody'}</dd>
        <dt>Whatever it says</dt>
        <dd>
          no plan less sure than {rules.min_confidence.toFixed(2)}; none that touches more than{' '}
          {rules.max_touched} entities; {rules.attempts} plans for one incident; an entity is left alone for{' '}
          {nanos(rules.cooldown)} after a recovery; a yes counts for {nanos(rules.approval_valid)}, facts for{' '}
          {nanos(rules.facts_last)}
        </dd>
      </dl>
      <details>
        <summary>Its text</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard. */}
        <pre tabIndex={0} className="cedar">
          {policy.text}
        </pre>
      </details>
      <Simulator policy={policy} />
    </>
  );
}

const OWN = '\u0000own';

function Simulator({ policy }: { policy: Policy }) {
  const all = useEverything();
  const planned = (all.data ?? []).filter((one) => one.plan);
  const [incident, setIncident] = useState('');
  const [which, setWhich] = useState('');
  const [text, setText] = useState(policy.text);
  const [by, setBy] = useState('');
  const [sure, setSure] = useState('');
  const [late, setLate] = useState('');
  const [answer, setAnswer] = useState<Simulated | null>(null);
  const deed = useDeed();
  const one = planned.find((each) => each.id === incident) ?? planned[0];
  const ask = () => {
    if (!one) return;
    setAnswer(null);
    void deed.run(async () => {
      setAnswer(
        await api.simulate({
          incident: one.id,
          policy: which === OWN ? text : which || null,
          approved_by: by.trim() || null,
          min_confidence: sure === '' ? null : Number(sure),
          at: late === '' ? null : `${late}:00Z`,
        }),
      );
      return { said: '' };
    }, []);
  };
  return (
    <section className="simulator" aria-labelledby="simulator-title">
      <h3 id="simulator-title">What would happen if …</h3>
      {all.data && planned.length === 0 ? (
        <Nothing>It is tried on the plan of an incident; there is none yet that has one.</Nothing>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            ask();
          }}
        >
          <label className="field">
            To the plan of
            <select value={one?.id ?? ''} onChange={(event) => setIncident(event.target.value)}>
              {planned.map((each) => (
                <option key={each.id} value={each.id}>
                  {each.title.slice(0, 70)} · {each.id}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            Under the policy
            <select value={which} onChange={(event) => setWhich(event.target.value)}>
              <option value="">as it stands ({policy.name})</option>
              {policy.samples.map((sample) => (
                <option key={sample.name} value={sample.name}>
                  {sample.name}
                </option>
              ))}
              <option value={OWN}>one that I write here …</option>
            </select>
          </label>
          {which === OWN && (
            <label className="field whole">
              Policy, in Cedar
              <textarea
                className="mono"
                rows={9}
                value={text}
                spellCheck={false}
                onChange={(event) => setText(event.target.value)}
              />
            </label>
          )}
          <label className="field">
            With the yes of
            <input
              value={by}
              onChange={(event) => setBy(event.target.value)}
              list="people-of-the-gate"
              placeholder="nobody"
            />
          </label>
          <datalist id="people-of-the-gate">
            {policy.people.map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
          <label className="field">
            Least confidence
            <input
              type="number"
              min="0"
              max="1"
              step="0.01"
              value={sure}
              placeholder={policy.rules.min_confidence.toFixed(2)}
              onChange={(event) => setSure(event.target.value)}
            />
          </label>
          <label className="field">
            At (UTC)
            <input type="datetime-local" value={late} onChange={(event) => setLate(event.target.value)} />
            <span className="faint small">without it when the plan was proposed</span>
          </label>
          <div className="whole">
            <button type="submit" disabled={deed.busy || !one}>
              Ask the gate
            </button>{' '}
            <span className="faint small">Nothing is altered, and nothing is performed.</span>
          </div>
        </form>
      )}
      {deed.problem !== null && <Outcome deed={deed} />}
      {answer && <Answer answer={answer} />}
    </section>
  );
}

const SAYS: Record<GateAnswer['gate'], [Tone, string]> = {
  go: ['good', 'it would be performed'],
  ask: ['ask', 'a person would be asked'],
  refuse: ['bad', 'it would be refused'],
};

function Answer({ answer }: { answer: Simulated }) {
  const [tone, word] = SAYS[answer.answer.gate];
  return (
    <div className="simulated" role="status">
      <p>
        <Stands tone={tone} word={word} />{' '}
        <span className="faint">
          at {moment(answer.at)}, plan <code>{answer.plan.slice(0, 12)}</code>
        </span>
      </p>
      {answer.wrong && (
        <p className="refused">
          The policy cannot be read{answer.wrong.line && ` (line ${answer.wrong.line})`}: {answer.wrong.what}
        </p>
      )}
      <ul className="reasons">
        {answer.answer.reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      {answer.answer.gate === 'ask' && <p>May say yes: {answer.answer.who.join(', ')}.</p>}
    </div>
  );
}
