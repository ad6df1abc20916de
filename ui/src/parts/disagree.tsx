import { useState } from 'react';
import { api } from '../api/client';
import { useMechanisms, useOpen, useTopology } from '../api/hooks';
import type { Cause } from '../api/report';
import type { Entry, Summary } from '../api/shapes';
import { to } from '../route';
import { may, useSession } from '../session';
import { Form, Outcome, useDeed } from './deed';
import { Mark } from './mark';
import { Part } from './small';

export interface Word {
  right: boolean;
  by: string;
}

/** What people said last of each cause, by entity and mechanism. */
export function judged(entries: readonly Entry[]): Map<string, Word> {
  const found = new Map<string, Word>();
  for (const { event } of entries) {
    if (event.event === 'cause_judged') {
      found.set(`${event.entity}\n${event.mechanism}`, { right: event.right, by: event.by });
    }
  }
  return found;
}

/** A person who knows says whether it was the cause. It teaches the next verdict, and can be said anew. */
export function Judge({
  id,
  number,
  cause,
  word,
}: {
  id: string;
  number: number;
  cause: Cause;
  word: Word | undefined;
}) {
  const deed = useDeed();
  const session = useSession();
  const allowed = may(session, 'responder');
  const say = (right: boolean) =>
    void deed.run(() => api.judge(id, right, number), [['incident', id], ['stats'], ['lessons']]);
  return (
    <div className="judge" role="group" aria-label={`Was it ${cause.title}?`}>
      {word ? (
        <span className={`stands stands-${word.right ? 'good' : 'ask'}`}>
          <Mark tone={word.right ? 'good' : 'ask'} size={15} />
          <span>
            {word.by} says: it {word.right ? 'was' : 'was not'}
          </span>
        </span>
      ) : (
        <span className="faint">Do you know better, or for sure?</span>
      )}
      {allowed && (
        <>
          <button
            type="button"
            className="plain"
            aria-pressed={word?.right === true}
            disabled={deed.busy}
            onClick={() => say(true)}
          >
            It was this
          </button>
          <button
            type="button"
            className="plain"
            aria-pressed={word?.right === false}
            disabled={deed.busy}
            onClick={() => say(false)}
          >
            It was not
          </button>
        </>
      )}
      {(deed.problem !== null || deed.said) && <Outcome deed={deed} />}
    </div>
  );
}

/** What only people know of an incident: the true cause, what belongs together and what does not, remarks, its end. */
export function Disagree({ one, entries }: { one: Summary; entries: readonly Entry[] }) {
  const session = useSession();
  const open = useOpen();
  const [text, setText] = useState('');
  const [why, setWhy] = useState('');
  const [other, setOther] = useState('');
  const [because, setBecause] = useState('');
  const [target, setTarget] = useState('');
  const [chosen, setChosen] = useState<string[]>([]);
  const [noting, closing, linking, merging, splitting] = [
    useDeed(),
    useDeed(),
    useDeed(),
    useDeed(),
    useDeed(),
  ];
  const stale = [['incident', one.id], ['incidents']];
  const others = (open.data ?? []).filter((incident) => incident.id !== one.id);
  const words = new Map<string, number>();
  for (const { seq, event } of entries) {
    if (event.event === 'cause_judged') words.set(`${event.entity}\n${event.mechanism}`, seq);
    if (event.event === 'cause_named') {
      // What is named instead takes back what was named before.
      for (const key of event.instead ? [...words.keys()] : []) {
        if (key.startsWith('named\n')) words.delete(key);
      }
      words.set(`named\n${event.entity}\n${event.mechanism}`, seq);
    }
  }
  // Of a cause that was judged more than once, the last word counts.
  const last = new Set(words.values());
  const said = entries.filter(
    ({ seq, event }) => ['noted', 'linked', 'split_off'].includes(event.event) || last.has(seq),
  );
  const alarms = [...new Set(one.alarms.map((alarm) => alarm.rule))];
  const pick = (label: string, value: string, set: (value: string) => void) => (
    <label className="field">
      {label}
      <input
        value={value}
        onChange={(event) => set(event.target.value)}
        list="other-incidents"
        placeholder="inc-…"
        required
      />
    </label>
  );
  if (!may(session, 'responder')) {
    return said.length === 0 ? null : (
      <Part title="What people said">
        <Sayings entries={said} />
      </Part>
    );
  }
  return (
    <Part title="What people know" count={said.length || undefined} part="People">
      <Sayings entries={said} />
      <datalist id="other-incidents">
        {others.map((incident) => (
          <option key={incident.id} value={incident.id}>
            {incident.title}
          </option>
        ))}
      </datalist>
      <div className="deeds">
        <Form
          open="Write a remark"
          button="Write it down"
          deed={noting}
          send={() =>
            void noting.run(() => api.note(one.id, text.trim()), stale).then((done) => done && setText(''))
          }
        >
          <label className="field">
            Whoever comes next will read it
            <textarea
              value={text}
              onChange={(event) => setText(event.target.value)}
              rows={2}
              maxLength={4000}
              required
            />
          </label>
        </Form>
        <NameCause one={one} />
        <Form
          open="It belongs with another"
          button="Link them"
          deed={linking}
          send={() => void linking.run(() => api.link(one.id, other.trim(), because.trim()), stale)}
        >
          {pick('With which incident', other, setOther)}
          <label className="field">
            Why
            <input value={because} onChange={(event) => setBecause(event.target.value)} required />
          </label>
        </Form>
        {!one.closed && alarms.length > 1 && (
          <Form
            open="Some of its alarms are another matter"
            button="Split them off"
            deed={splitting}
            send={() => void splitting.run(() => api.split(one.id, chosen), stale)}
          >
            <fieldset>
              <legend className="faint small">Into an incident of their own</legend>
              {alarms.map((rule) => (
                <label key={rule} className="check">
                  <input
                    type="checkbox"
                    checked={chosen.includes(rule)}
                    onChange={(event) =>
                      setChosen(
                        event.target.checked ? [...chosen, rule] : chosen.filter((name) => name !== rule),
                      )
                    }
                  />
                  <span className="mono">{rule}</span>
                </label>
              ))}
            </fieldset>
          </Form>
        )}
        {!one.closed && (
          <Form
            open="It is the same as another"
            button="Put it into that one"
            deed={merging}
            send={() => void merging.run(() => api.merge(one.id, target.trim()), stale)}
          >
            {pick('Into which incident', target, setTarget)}
            <p className="faint small">This one is closed then, and lives on in the other.</p>
          </Form>
        )}
        {!one.closed && (
          <Form
            open="Close it"
            button="Close it"
            deed={closing}
            send={() => void closing.run(() => api.close(one.id, why.trim()), stale)}
          >
            <label className="field">
              Why
              <input value={why} onChange={(event) => setWhy(event.target.value)} required />
            </label>
          </Form>
        )}
      </div>
    </Part>
  );
}

/** What it really was: an entity, and a mechanism of the catalogue. */
function NameCause({ one }: { one: Summary }) {
  const deed = useDeed();
  const mechanisms = useMechanisms();
  const [begun, setBegun] = useState(false);
  const [entity, setEntity] = useState('');
  const [mechanism, setMechanism] = useState('');
  const [beside, setBeside] = useState(false);
  const [unseen, setUnseen] = useState(false);
  const meant = mechanisms.data?.find((known) => known.id === mechanism.trim());
  const stale = [['incident', one.id], ['incidents'], ['stats'], ['lessons']];
  return (
    <Form
      open={one.causes.length > 0 ? 'It was something else' : 'I know what it was'}
      button={beside || one.causes.length === 0 ? 'It was that' : 'None of these: it was that'}
      deed={deed}
      send={() =>
        void deed
          .run(
            () =>
              api.nameCause(one.id, { entity: entity.trim(), mechanism: mechanism.trim(), beside, unseen }),
            stale,
          )
          .then((done) => {
            if (done) {
              setEntity('');
              setMechanism('');
            }
          })
      }
    >
      <label className="field">
        Where it was
        <input
          value={entity}
          onChange={(event) => setEntity(event.target.value)}
          onFocus={() => setBegun(true)}
          list="known-entities"
          placeholder="service/cart"
          required
        />
      </label>
      {begun && <KnownEntities typed={entity} />}
      <label className="field">
        What it was
        <input
          value={mechanism}
          onChange={(event) => setMechanism(event.target.value)}
          list="known-mechanisms"
          placeholder="config.required-value-missing"
          required
        />
      </label>
      <datalist id="known-mechanisms">
        {mechanisms.data?.map((known) => (
          <option key={known.id} value={known.id}>
            {known.title}
          </option>
        ))}
      </datalist>
      {meant && <p className="faint small">{meant.title}</p>}
      {one.causes.length > 0 && (
        <label className="check">
          <input type="checkbox" checked={beside} onChange={(event) => setBeside(event.target.checked)} />
          It was a cause beside those above, which stand
        </label>
      )}
      <label className="check">
        <input type="checkbox" checked={unseen} onChange={(event) => setUnseen(event.target.checked)} />
        Midwatch cannot see that thing
      </label>
      {one.causes.length > 0 && !beside && (
        <p className="faint small">All causes that the report names are then marked as wrong in your name.</p>
      )}
    </Form>
  );
}

/** As many names as a list of suggestions bears: a system may have thousands. */
const SUGGESTED = 200;

/** Names of entities that hold what was typed; the map is fetched once somebody types. */
function KnownEntities({ typed }: { typed: string }) {
  const topology = useTopology();
  const wanted = typed.trim().toLowerCase();
  const found = (topology.data?.entities ?? []).filter((known) => known.id.toLowerCase().includes(wanted));
  return (
    <datalist id="known-entities">
      {found.slice(0, SUGGESTED).map((known) => (
        <option key={known.id} value={known.id}>
          {known.name}
        </option>
      ))}
    </datalist>
  );
}

function Sayings({ entries }: { entries: readonly Entry[] }) {
  if (entries.length === 0) return null;
  return (
    <ul className="sentences sayings">
      {entries.map(({ seq, event }) => (
        <li key={seq}>
          {event.event === 'noted' && (
            <>
              <b>{event.by}</b>: {event.text}
            </>
          )}
          {event.event === 'linked' && (
            <>
              Belongs with <a href={to.incident(event.incident)}>{event.incident}</a>: {event.why}
            </>
          )}
          {event.event === 'split_off' && (
            <>
              <b>{event.by}</b> split <a href={to.incident(event.incident)}>{event.incident}</a> off
            </>
          )}
          {event.event === 'cause_named' && (
            <>
              <b>{event.by}</b>: it was <span className="mono">{event.mechanism}</span> on{' '}
              <span className="mono">{event.entity}</span>
              {!event.instead && ', too'}
            </>
          )}
          {event.event === 'cause_judged' && (
            <>
              <b>{event.by}</b>: <span className="mono">{event.entity}</span>{' '}
              {event.right ? 'was a cause' : 'was not a cause'} ({event.mechanism})
            </>
          )}
        </li>
      ))}
    </ul>
  );
}
