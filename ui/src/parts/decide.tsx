import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api, Problem } from '../api/client';
import type { Plan } from '../api/shapes';
import { type PlanStands, undecided } from '../plan';
import { to } from '../route';
import { mayApprove, useSession } from '../session';
import { action, capital } from '../words';
import { Copy } from './small';

/** Yes or no. What is sent is the digest of the plan on the screen. */
export function Decide({
  id,
  plan,
  stands,
  replaced,
}: {
  id: string;
  plan: Plan;
  stands: PlanStands;
  replaced: boolean;
}) {
  const queries = useQueryClient();
  const session = useSession();
  const dialog = useRef<HTMLDialogElement>(null);
  const [which, setWhich] = useState<'yes' | 'no'>('yes');
  const [why, setWhy] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const open = undecided(stands);
  const may = mayApprove(session);
  // While somebody reads the question, the plan may be decided or replaced: then it is not asked any more.
  useEffect(() => {
    if ((!open || replaced) && dialog.current?.open) dialog.current.close();
  }, [open, replaced]);

  const ask = (wanted: 'yes' | 'no') => {
    setWhich(wanted);
    setProblem(null);
    dialog.current?.showModal();
  };
  const send = async () => {
    setBusy(true);
    setProblem(null);
    try {
      if (which === 'yes') await api.approve(id, stands.digest);
      else await api.refuse(id, stands.digest, why.trim());
      dialog.current?.close();
      await queries.invalidateQueries({ queryKey: ['incident', id] });
    } catch (error) {
      dialog.current?.close();
      setProblem(error);
      void queries.invalidateQueries({ queryKey: ['incident', id] });
    } finally {
      setBusy(false);
    }
  };
  const short = stands.digest.slice(0, 12);
  const readsOnly = problem instanceof Problem && [404, 405].includes(problem.status);
  const command = `midwatch approve ${id} --plan ${short}`;
  return (
    <>
      <div className="dock">
        {problem !== null && (
          <div className="trouble" role="alert">
            <strong>
              {readsOnly
                ? 'This server takes no answers over HTTP'
                : problem instanceof Problem
                  ? problem.title
                  : 'It was not sent'}
            </strong>
            <p>
              {readsOnly
                ? `Nothing was decided. At its terminal: ${command}`
                : problem instanceof Error
                  ? problem.message
                  : String(problem)}
            </p>
            {problem instanceof Problem && problem.status === 0 && (
              <p>Whether it arrived is not known: the timeline will show it once the connection is back.</p>
            )}
          </div>
        )}
        {open && !replaced && (
          <div className="decide" role="group" aria-label="Your answer">
            <div>
              <b>Perform this plan?</b>{' '}
              <span className="faint">
                {plan.steps.length} {plan.steps.length === 1 ? 'step' : 'steps'}, {plan.touches.length}{' '}
                touched, digest <code>{short}</code>
              </span>
              <p className="faint small">
                At the server’s terminal: <code>{command}</code> <Copy text={command} what="the command" />
              </p>
              {!may && (
                <p className="faint">
                  {session?.name ? (
                    <>You are signed in as {session.role}: an approver must answer.</>
                  ) : (
                    <>
                      You are only reading. <a href={to.signIn}>Sign in</a> to answer.
                    </>
                  )}
                </p>
              )}
            </div>
            <button type="button" data-item disabled={!may} onClick={() => ask('no')}>
              Refuse …
            </button>
            <button type="button" data-item className="primary" disabled={!may} onClick={() => ask('yes')}>
              Approve …
            </button>
          </div>
        )}
      </div>
      <dialog ref={dialog} className="ask-dialog" aria-labelledby="ask-title">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <h2 id="ask-title">{which === 'yes' ? 'Say yes to exactly this?' : 'Say no to this plan?'}</h2>
          <ol>
            {plan.steps.map((step) => (
              <li key={action(step.action)}>
                {capital(action(step.action))}
                <div className="mono small">
                  {step.before} <span aria-hidden="true">→</span>
                  <span className="unseen">becomes</span> {step.after}
                </div>
              </li>
            ))}
          </ol>
          <p>
            Plan <code className="digest">{stands.digest}</code>
          </p>
          {which === 'no' && (
            <label className="field">
              Why? Whoever comes next will ask.
              <textarea
                value={why}
                onChange={(event) => setWhy(event.target.value)}
                rows={2}
                maxLength={4000}
                required
              />
            </label>
          )}
          {session?.name && <p className="faint">It is written down in the name of {session.name}.</p>}
          <div className="buttons">
            <button type="button" onClick={() => dialog.current?.close()}>
              Not now
            </button>
            <button type="submit" className={which === 'yes' ? 'primary' : 'danger'} disabled={busy}>
              {which === 'yes' ? 'Yes, perform it' : 'No, refuse it'}
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
