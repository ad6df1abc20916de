import type { ReactNode } from 'react';
import type { Cause, Prediction } from '../api/report';
import { onset } from '../time';
import { CATEGORY, capital, FORCE, say } from '../words';
import { nameOf, Said, useShown } from './claim';
import { Mark } from './mark';

/** One cause: what speaks for it and against it, what it predicts, and what could be done. */
export function CauseCard({
  cause,
  number,
  of,
  foot,
}: {
  cause: Cause;
  number: number;
  of: number;
  /** What people say of it. */
  foot?: ReactNode;
}) {
  const { report } = useShown();
  return (
    <article className="cause" aria-label={`Cause ${number}: ${cause.title}`}>
      <header>
        <div>
          <h3>
            {of > 1 && <span className="faint">{number}. </span>}
            {capital(cause.title)}
          </h3>
          <p className="where">
            on <b>{nameOf(report, cause.entity)}</b> · {say(CATEGORY, cause.category)}
            {cause.onset && <> · began {onset(cause.onset)} UTC</>}
          </p>
        </div>
        <Sure word={cause.word} confidence={cause.confidence} />
      </header>
      <div className="for">
        <h4>For</h4>
        {cause.supports.length === 0 ? (
          <p className="nothing">Nothing of its own.</p>
        ) : (
          <ul>
            {cause.supports.map((claim) => (
              <li key={claim.id}>
                <Said claim={claim} />
              </li>
            ))}
          </ul>
        )}
      </div>
      <div className="against">
        <h4>Against</h4>
        {cause.contradicts.length === 0 ? (
          <p className="nothing">Nothing was found that speaks against it.</p>
        ) : (
          <ul>
            {cause.contradicts.map((claim) => (
              <li key={claim.id}>
                <Said claim={claim} />
              </li>
            ))}
          </ul>
        )}
      </div>
      {cause.predictions.length > 0 && (
        <div className="predictions">
          <h4>If it is so, then</h4>
          <ul>
            {cause.predictions.map((one) => (
              <PredictionRow key={one.force + one.text} one={one} />
            ))}
          </ul>
        </div>
      )}
      {cause.mitigations.length > 0 && (
        <details className="mitigations">
          <summary>What could be done ({cause.mitigations.length})</summary>
          {cause.mitigations.map((one) => (
            <dl key={one.action + one.apply}>
              <dt>{one.action.replaceAll('_', ' ')}</dt>
              <dd>{one.apply}</dd>
              <dt>first</dt>
              <dd>{one.prepare}</dd>
              <dt>it worked if</dt>
              <dd>{one.verify}</dd>
              <dt>way back</dt>
              <dd>{one.roll_back}</dd>
              <dt>risk</dt>
              <dd>{one.risk}</dd>
              <dt>who decides</dt>
              <dd>{one.approver}</dd>
            </dl>
          ))}
        </details>
      )}
      {foot}
      {(cause.caps?.length ?? 0) > 0 && <p className="faint small">Held down: {cause.caps?.join('; ')}.</p>}
    </article>
  );
}

function Sure({ word, confidence }: { word: string; confidence: number }) {
  const steps = [0.2, 0.4, 0.6, 0.8, 0.95];
  return (
    <div className={`sureness sure-${word}`}>
      <span>
        <b>{word}</b> {confidence.toFixed(2)}
      </span>
      <span className="steps" aria-hidden="true">
        {steps.map((step) => (
          <i key={step} className={confidence >= step ? 'on' : ''} />
        ))}
      </span>
    </div>
  );
}

function PredictionRow({ one }: { one: Prediction }) {
  const { select } = useShown();
  const evidence = one.evidence?.[0];
  const tone = one.outcome === 'met' ? 'good' : one.outcome === 'unmet' ? 'bad' : 'quiet';
  return (
    <li>
      <span className={`outcome stands-${tone}`}>
        <Mark tone={tone} size={15} />
        {one.outcome}
      </span>
      <span>
        <span className="faint">{say(FORCE, one.force)}:</span> {one.text}
      </span>
      {evidence && (
        <button type="button" className="plain mono" onClick={() => select(evidence)}>
          {evidence}
          <span className="unseen"> behind “{one.text}”</span>
        </button>
      )}
    </li>
  );
}
