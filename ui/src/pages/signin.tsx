import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, Problem } from '../api/client';
import { Trouble, useTitle } from '../parts/small';

/** Sign-in with a local account. */
export default function SignIn() {
  useTitle('Sign in');
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await api.login(name, password);
      await queries.invalidateQueries({ queryKey: ['session'] });
    } catch (refused) {
      setPassword('');
      setError(
        refused instanceof Problem && refused.status === 401
          ? new Problem(401, 'Not signed in', refused.detail || 'The name or the password is wrong.')
          : refused,
      );
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="signin">
      <form onSubmit={(event) => void submit(event)}>
        <img src="./mark.svg" alt="" width="44" height="44" />
        <h1>Midwatch</h1>
        <label className="field">
          Name
          <input
            value={name}
            onChange={(event) => setName(event.target.value)}
            autoComplete="username"
            required
          />
        </label>
        <label className="field">
          Password
          <input
            type="password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
            autoComplete="current-password"
            required
          />
        </label>
        {error !== null && <Trouble error={error} />}
        <button type="submit" className="primary" disabled={busy}>
          Sign in
        </button>
        <p className="faint small">
          There is no account yet? The server prints a one-time link at its first start.
        </p>
      </form>
    </main>
  );
}
