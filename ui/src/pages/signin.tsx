import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { api, Problem } from '../api/client';
import { Trouble, useTitle } from '../parts/small';
import { swap, to } from '../route';
import { cameBack, keep, kept, meant } from '../signon';

/** One form at the door: it is sent once at a time, and says what was refused. */
function Door({
  title,
  children,
  button,
  send,
  below,
}: {
  title: string;
  children: ReactNode;
  button: string;
  send(): Promise<void>;
  below?: ReactNode;
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await send();
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="signin">
      <form onSubmit={(event) => void submit(event)}>
        <img src="./mark.svg" alt="" width="44" height="44" />
        <h1>{title}</h1>
        {children}
        {error !== null && <Trouble error={error} />}
        <button type="submit" className="primary" disabled={busy}>
          {button}
        </button>
        {below}
      </form>
    </main>
  );
}

function Password({
  value,
  set,
  fresh = false,
}: {
  value: string;
  set(value: string): void;
  fresh?: boolean;
}) {
  return (
    <label className="field">
      Password
      <input
        type="password"
        value={value}
        onChange={(event) => set(event.target.value)}
        autoComplete={fresh ? 'new-password' : 'current-password'}
        minLength={fresh ? 12 : undefined}
        required
      />
      {fresh && <span className="faint small">At least 12 characters; a few words are easy to keep.</span>}
    </label>
  );
}

function Name({ value, set }: { value: string; set(value: string): void }) {
  return (
    <label className="field">
      Name
      <input
        value={value}
        onChange={(event) => set(event.target.value)}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
      />
    </label>
  );
}

/** The way in by a provider: its button, and what happens when somebody comes back from it. */
function Provider() {
  const queries = useQueryClient();
  const label = useQuery({ queryKey: ['ways'], queryFn: ({ signal }) => api.provider(signal), retry: 1 });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    const back = cameBack();
    if (back === null) return;
    const browser = kept();
    if (back.error !== '' || back.code === '') {
      setError(new Problem(401, 'Not signed in', meant(back.error)));
      return;
    }
    setBusy(true);
    api
      .signOn(back.code, back.state, browser)
      .then(() => {
        swap(to.now);
        return queries.invalidateQueries();
      })
      .catch(setError)
      .finally(() => setBusy(false));
  }, [queries]);
  const go = async () => {
    setBusy(true);
    setError(null);
    try {
      const begun = await api.beginSignOn();
      keep(begun.browser);
      location.assign(begun.address);
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return (
    <>
      {error !== null && <Trouble error={error} />}
      {label.data && (
        <>
          <button type="button" className="provider" disabled={busy} onClick={() => void go()}>
            {busy ? 'One moment…' : label.data}
          </button>
          <p className="or faint small">or with an account of this server</p>
        </>
      )}
    </>
  );
}

/** Sign-in with a local account, or by a provider. */
export default function SignIn({ came = false }: { came?: boolean }) {
  useTitle('Sign in');
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const send = async () => {
    try {
      await api.login(name, password);
    } catch (refused) {
      setPassword('');
      throw refused instanceof Problem && refused.status === 401
        ? new Problem(401, 'Not signed in', refused.detail || 'The name or the password is wrong.')
        : refused;
    }
    if (came) swap(to.now);
    await queries.invalidateQueries();
  };
  return (
    <Door
      title="Midwatch"
      button="Sign in"
      send={send}
      below={
        <p className="faint small">
          There is no account yet? The server prints a one-time link at its first start; later an admin
          invites.
        </p>
      }
    >
      <Provider />
      <Name value={name} set={setName} />
      <Password value={password} set={setPassword} />
    </Door>
  );
}

const LINKS: Record<
  string,
  { title: string; said: string; button: string; name: boolean; password: boolean }
> = {
  setup: {
    title: 'The first account',
    said: 'It may do everything here, and invite others. This link works once.',
    button: 'Make the account',
    name: true,
    password: true,
  },
  invitation: {
    title: 'You are invited',
    said: 'Choose how you sign in from now on. This link works once.',
    button: 'Make the account',
    name: true,
    password: true,
  },
  reset: {
    title: 'A new password',
    said: 'Your other sessions end. This link works once.',
    button: 'Keep it',
    name: false,
    password: true,
  },
  sign_in: {
    title: 'Come in',
    said: 'This link signs you in, once.',
    button: 'Sign in',
    name: false,
    password: false,
  },
};

/** What a one-time link opens. Its token stands behind the `#`, and is taken out of the address once it was used. */
export function Link({ kind, token }: { kind: string; token: string }) {
  const asks = LINKS[kind] ?? { ...LINKS.invitation, title: 'A one-time link' };
  useTitle(asks.title ?? '');
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  return (
    <Door
      title={asks.title ?? ''}
      button={asks.button ?? 'Go on'}
      send={async () => {
        await api.redeem(token, name.trim(), password);
        swap(to.now);
        await queries.invalidateQueries();
      }}
      below={
        <p className="small">
          <a href={to.signIn}>Sign in with an account that there is</a>
        </p>
      }
    >
      <p className="faint">{asks.said}</p>
      {asks.name && <Name value={name} set={setName} />}
      {asks.password && <Password value={password} set={setPassword} fresh />}
    </Door>
  );
}
