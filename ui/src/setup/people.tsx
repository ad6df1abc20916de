import { useState } from 'react';
import { api } from '../api/client';
import { useInvitations, useKeys, usePeople } from '../api/hooks';
import type { LinkMade } from '../api/shapes';
import { Form, Outcome, useDeed } from '../parts/deed';
import { Copy, Nothing, Part, Trouble, useNow, Waiting } from '../parts/small';
import { manages, useSession } from '../session';
import { EVERYWHERE, here } from '../space';
import { moment, since } from '../time';

const ROLES: [string, string][] = [
  ['viewer', 'sees everything'],
  ['responder', 'sees; notes, judges, splits, merges, silences, refuses'],
  ['approver', 'as a responder, and says yes to plans'],
  ['admin', 'as an approver, and decides who may what'],
];
const roleOf = (roles: Record<string, string>): string => roles[here()] ?? roles[EVERYWHERE] ?? 'none here';

function Role({ value, set, label }: { value: string; set(role: string): void; label: string }) {
  return (
    <label className="field">
      {label}
      <select value={value} onChange={(event) => set(event.target.value)}>
        {ROLES.map(([role]) => (
          <option key={role} value={role}>
            {role}
          </option>
        ))}
      </select>
      <span className="faint small">{ROLES.find(([role]) => role === value)?.[1]}</span>
    </label>
  );
}

/** A secret that is shown once. */
function Once({ text, what }: { text: string; what: string }) {
  return (
    <div className="once" role="status">
      <p>
        <b>Copy it now:</b> {what} Nobody can see it again.
      </p>
      <code>{text}</code> <Copy text={text} what="it" />
    </div>
  );
}

const whole = (made: LinkMade): string => new URL(made.link, location.href).href;

/** Who may sign in, and as what. */
export function People() {
  const people = usePeople();
  const invitations = useInvitations();
  const session = useSession();
  const now = useNow(30_000);
  const [name, setName] = useState('');
  const [role, setRole] = useState('responder');
  const [link, setLink] = useState('');
  const [inviting, altering] = [useDeed(), useDeed()];
  const stale = [['people'], ['invitations']];
  if (people.data === null) {
    return (
      <Part title="People">
        <Nothing>This server knows no accounts.</Nothing>
      </Part>
    );
  }
  return (
    <Part title="People" count={people.data?.length}>
      {people.isPending && <Waiting what="the people" />}
      {people.isError && !people.data && <Trouble error={people.error} again={() => void people.refetch()} />}
      {people.data && (
        <table className="checks">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Role</th>
              <th scope="col">Since</th>
              <th scope="col">
                <span className="unseen">What can be done</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {people.data.map((one) => (
              <tr key={one.name}>
                <td>
                  <b>{one.name}</b>
                  {one.name === session?.name && <span className="faint"> · you</span>}
                </td>
                <td>
                  <label>
                    <span className="unseen">Role of {one.name}</span>
                    <select
                      value={roleOf(one.roles)}
                      disabled={altering.busy || one.name === session?.name}
                      onChange={(event) =>
                        void altering.run(() => api.setRole(one, event.target.value), stale)
                      }
                    >
                      {!ROLES.some(([known]) => known === roleOf(one.roles)) && (
                        <option>{roleOf(one.roles)}</option>
                      )}
                      {ROLES.map(([known]) => (
                        <option key={known}>{known}</option>
                      ))}
                    </select>
                  </label>
                </td>
                <td className="faint" title={moment(one.made)}>
                  {since(one.made, now)} ago
                </td>
                <td>
                  <button
                    type="button"
                    className="plain"
                    onClick={() =>
                      void altering.run(async () => {
                        setLink(whole(await api.resetPassword(one.name)));
                        return { said: `a link with which ${one.name} chooses a new password` };
                      }, stale)
                    }
                  >
                    New password<span className="unseen"> for {one.name}</span>
                  </button>
                  {one.name !== session?.name && (
                    <Sure
                      what={`Remove ${one.name}`}
                      done={() => void altering.run(() => api.removePerson(one.name), stale)}
                    />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Outcome deed={altering} />
      {link && <Once text={link} what="this link works once." />}
      {(invitations.data?.length ?? 0) > 0 && (
        <p className="faint">
          Invited, not here yet:{' '}
          {invitations.data
            ?.map((one) => `${one.name || 'somebody'} (${roleOf(one.roles)}, until ${moment(one.until)})`)
            .join('; ')}
        </p>
      )}
      <Form
        open="Invite somebody"
        button="Make a link"
        deed={inviting}
        send={() =>
          void inviting.run(async () => {
            setLink(whole(await api.invite(name.trim(), role)));
            setName('');
            return { said: 'a link was made' };
          }, stale)
        }
      >
        <label className="field">
          Name
          <input value={name} onChange={(event) => setName(event.target.value)} placeholder="they choose" />
        </label>
        <Role value={role} set={setRole} label="Role" />
      </Form>
    </Part>
  );
}

/** A second click for what cannot be taken back. */
function Sure({ what, done }: { what: string; done(): void }) {
  const [asked, setAsked] = useState(false);
  return asked ? (
    <>
      <button type="button" className="danger" onClick={done}>
        {what}: yes
      </button>{' '}
      <button type="button" className="plain" onClick={() => setAsked(false)}>
        No
      </button>
    </>
  ) : (
    <button type="button" className="plain" onClick={() => setAsked(true)}>
      {what} …
    </button>
  );
}

/** Keys for programs. */
export function Keys() {
  const keys = useKeys();
  const session = useSession();
  const now = useNow(30_000);
  const [name, setName] = useState('');
  const [role, setRole] = useState('viewer');
  const [days, setDays] = useState('90');
  const [secret, setSecret] = useState('');
  const [making, revoking] = [useDeed(), useDeed()];
  if (keys.data === null) return null;
  const standing = (keys.data ?? []).filter((key) => !key.revoked);
  return (
    <Part title="Keys for programs" count={keys.data && standing.length}>
      {keys.isPending && <Waiting what="the keys" />}
      {keys.isError && !keys.data && <Trouble error={keys.error} again={() => void keys.refetch()} />}
      {keys.data && standing.length === 0 && <Nothing>None.</Nothing>}
      <ul className="rules">
        {standing.map((key) => (
          <li key={key.id}>
            <span className="tag">{roleOf(key.scopes)}</span>
            <div>
              <b>{key.name}</b> <code>{key.id}</code> <span className="faint">of {key.person}</span>
              <p className="faint small">
                {key.until ? `ends ${moment(key.until)}` : 'never ends'},{' '}
                {key.used ? `last used ${since(key.used, now)} ago` : 'never used'}{' '}
                <Sure
                  what={`Revoke ${key.name}`}
                  done={() => void revoking.run(() => api.revokeKey(key.id), [['keys']])}
                />
              </p>
            </div>
          </li>
        ))}
      </ul>
      <Outcome deed={revoking} />
      {secret && <Once text={secret} what="it goes into Authorization: Bearer." />}
      {session?.name && (
        <Form
          open="Make a key"
          button="Make it"
          deed={making}
          send={() =>
            void making.run(async () => {
              const made = await api.addKey(name.trim(), role, days === '' ? null : Number(days));
              setSecret(made.secret);
              setName('');
              return { said: 'a key was made' };
            }, [['keys']])
          }
        >
          <label className="field">
            What is it for
            <input value={name} onChange={(event) => setName(event.target.value)} required />
          </label>
          <Role value={role} set={setRole} label="It may at most" />
          <label className="field">
            Days until it ends
            <input
              type="number"
              min="1"
              max="3650"
              value={days}
              placeholder="never"
              onChange={(event) => setDays(event.target.value)}
            />
          </label>
        </Form>
      )}
    </Part>
  );
}

/** What only an admin sees is not asked for by others. */
export function Managed() {
  const session = useSession();
  if (session === null) return null;
  if (!session.name) {
    return (
      <Part title="People and keys">
        <Nothing>
          Everybody on this machine may read, nobody is known. The server prints a one-time link at its first
          start: with it the first account is made.
        </Nothing>
      </Part>
    );
  }
  return (
    <div className="columns">
      {manages(session) ? (
        <People />
      ) : (
        <Part title="People">
          <Nothing>Only an admin sees who may what.</Nothing>
        </Part>
      )}
      <div>
        <Keys />
        {session.kind !== 'key' && <Password />}
      </div>
    </div>
  );
}

function Password() {
  const deed = useDeed();
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  return (
    <Part title="Your password">
      <Form
        open="Choose another"
        button="Keep it"
        deed={deed}
        send={() =>
          void deed
            .run(() => api.changePassword(old, fresh), [['session']])
            .then((done) => {
              if (!done) return;
              setOld('');
              setFresh('');
            })
        }
      >
        <label className="field">
          As it is now
          <input
            type="password"
            autoComplete="current-password"
            value={old}
            onChange={(event) => setOld(event.target.value)}
            required
          />
        </label>
        <label className="field">
          As it will be
          <input
            type="password"
            autoComplete="new-password"
            minLength={12}
            value={fresh}
            onChange={(event) => setFresh(event.target.value)}
            required
          />
        </label>
      </Form>
    </Part>
  );
}
