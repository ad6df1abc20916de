import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Component, lazy, type ReactNode, Suspense, useEffect, useRef } from 'react';
import { api, Problem } from './api/client';
import { useSpaces } from './api/hooks';
import type { Session } from './api/shapes';
import { Keys } from './keys';
import { LiveProvider, useLive } from './live';
import { Banner } from './parts/banner';
import { Trouble, Waiting } from './parts/small';
import { go, parse, type Route, to, useHash } from './route';
import { roleHere, SessionContext } from './session';
import { here, settle } from './space';
import { type Theme, useTheme } from './theme';

// A page is fetched when it is first opened; "Now" is what a person who was woken sees first.
const PAGES = {
  now: () => import('./pages/now'),
  incident: () => import('./pages/incident'),
  approve: () => import('./pages/approve'),
  topology: () => import('./pages/topology'),
  ask: () => import('./pages/ask'),
  learned: () => import('./pages/learned'),
  setup: () => import('./pages/setup'),
};
// The page that is wanted is fetched beside the question who asks, not after its answer.
const wanted = parse(location.hash).page;
if (wanted in PAGES) PAGES[wanted as keyof typeof PAGES]().catch(() => undefined);

const Now = lazy(PAGES.now);
const Incident = lazy(PAGES.incident);
const Approve = lazy(PAGES.approve);
const Topology = lazy(PAGES.topology);
const Ask = lazy(PAGES.ask);
const Learned = lazy(PAGES.learned);
const Setup = lazy(PAGES.setup);
const SignIn = lazy(() => import('./pages/signin'));
const Link = lazy(() => import('./pages/signin').then((page) => ({ default: page.Link })));

/** Once the first view stands, the other pages are fetched as well: they are there when the connection is not. */
function useAllPages(): void {
  useEffect(() => {
    const timer = setTimeout(() => {
      for (const load of Object.values(PAGES)) load().catch(() => undefined);
    }, 1500);
    return () => clearTimeout(timer);
  }, []);
}

export function App() {
  const session = useQuery({
    queryKey: ['session'],
    queryFn: ({ signal }) => api.session(signal),
    refetchInterval: 5 * 60_000,
    retry: (count, error) =>
      count < 3 && error instanceof Problem && (error.status === 0 || error.status >= 500),
  });
  const route = parse(useHash());
  if (session.data !== undefined) settle(session.data);
  const signedOut = session.error instanceof Problem && session.error.status === 401;
  return (
    <Fence>
      <Suspense fallback={<Waiting what="the page" />}>
        {route.page === 'link' ? (
          <Link kind={route.kind} token={route.token} />
        ) : signedOut || route.page === 'signin' ? (
          <SignIn came={route.page === 'signin'} />
        ) : session.data !== undefined ? (
          <SessionContext value={session.data}>
            <LiveProvider space={here()}>
              <Frame session={session.data} />
            </LiveProvider>
          </SessionContext>
        ) : session.isError ? (
          <div className="alone">
            <Trouble error={session.error} again={() => void session.refetch()} />
          </div>
        ) : (
          <Waiting what="who you are" />
        )}
      </Suspense>
    </Fence>
  );
}

const places = (): { page: Route['page']; name: string; href: string; icon: string }[] => [
  { page: 'now', name: 'Now', href: to.now, icon: 'M12 3a9 9 0 1 0 9 9M12 12V6m0 6 4 2' },
  {
    page: 'topology',
    name: 'Topology',
    href: to.topology(),
    icon: 'M9 6h6v4H9zM3 16h6v4H3zm12 0h6v4h-6zM12 10v3m-6 3v-3h12v3',
  },
  { page: 'ask', name: 'Ask', href: to.ask(), icon: 'M4 5h16v11H10l-5 4v-4H4zM8 9h8M8 12h5' },
  { page: 'learned', name: 'Learned', href: to.learned, icon: 'M4 20V4m0 16h16M8 16v-4m4 4V8m4 8v-6' },
  { page: 'setup', name: 'Set-up', href: to.setup, icon: 'M4 7h10m4 0h2M4 17h2m4 0h10M16 5v4M8 15v4' },
];

function Frame({ session }: { session: Session | null }) {
  useAllPages();
  const route = parse(useHash());
  const now = route.page === 'incident' || route.page === 'approve' ? 'now' : route.page;
  const space = here();
  const closed = useSpaces().data?.find(({ id }) => id === space)?.closed;
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const place = `${space} ${route.page}${'id' in route ? route.id : ''}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new place moves the focus to its beginning.
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    main.current?.focus();
    window.scrollTo(0, 0);
  }, [place]);
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: it leads to a place on this page, whose address is not in the hash. */}
      <a
        className="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <header className="rail">
        <a className="name" href={to.now}>
          <img src="./mark.svg" alt="" width="28" height="28" />
          <span>Midwatch</span>
        </a>
        <Whose space={space} />
        <nav aria-label="Places">
          {places().map(({ page, name, href, icon }) => (
            <a key={page} href={href} aria-current={now === page ? 'page' : undefined}>
              <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
                <path d={icon} />
              </svg>
              <span>{name}</span>
            </a>
          ))}
        </nav>
        <div className="foot">
          {!closed && <Pulse />}
          <Look />
          <button
            type="button"
            className="plain"
            onClick={() => window.dispatchEvent(new Event('midwatch:help'))}
          >
            Keys <kbd>?</kbd>
          </button>
          {session && <Who session={session} />}
        </div>
      </header>
      <div className="body">
        {!closed && <Banner />}
        <main id="main" ref={main} tabIndex={-1}>
          <Fence key={place}>
            <Suspense fallback={<Waiting what="the page" />}>
              {closed ? <Closed space={space} why={closed} /> : <View route={route} />}
            </Suspense>
          </Fence>
        </main>
      </div>
      <Keys />
    </>
  );
}

function View({ route }: { route: Route }) {
  switch (route.page) {
    case 'now':
      return <Now />;
    case 'incident':
      return <Incident id={route.id} show={route.show} />;
    case 'approve':
      return <Approve id={route.id} />;
    case 'topology':
      return <Topology at={route.at} incident={route.incident} />;
    case 'ask':
      return <Ask question={route.question} />;
    case 'learned':
      return <Learned />;
    case 'setup':
      return <Setup />;
    case 'signin':
    case 'link':
    case 'lost':
      return (
        <div className="trouble">
          <strong>There is nothing at this address</strong>
          <p>
            <a href={to.now}>What is broken now</a>
          </p>
        </div>
      );
  }
}

/** Whose watch is shown; a choice where there is more than one. */
function Whose({ space }: { space: string }) {
  const spaces = useSpaces().data ?? [];
  if (spaces.length < 2) return null;
  return (
    <label className="space">
      <span>Space</span>
      <select value={space} onChange={(event) => go(to.space(event.target.value))}>
        {!spaces.some(({ id }) => id === space) && <option value={space}>{space}: not here</option>}
        {spaces.map(({ id, closed }) => (
          <option key={id} value={id}>
            {closed ? `${id}: closed` : id}
          </option>
        ))}
      </select>
    </label>
  );
}

function Closed({ space, why }: { space: string; why: string }) {
  return (
    <div className="trouble" role="alert">
      <h1>Nobody keeps watch over {space}</h1>
      <p>{why}</p>
    </div>
  );
}

/** Is what is shown live? */
function Pulse() {
  const { link } = useLive();
  const words = {
    joining: 'connecting',
    live: 'live',
    lost: 'connection lost',
    refused: 'not live: read once a minute',
  };
  return (
    <span className={`pulse pulse-${link.is}`}>
      <i aria-hidden="true" />
      {words[link.is]}
    </span>
  );
}

function Look() {
  const [theme, set] = useTheme();
  return (
    <label className="look">
      <span>Look</span>
      <select value={theme} onChange={(event) => set(event.target.value as Theme)}>
        <option value="system">as the system</option>
        <option value="light">light</option>
        <option value="dark">dark</option>
      </select>
    </label>
  );
}

function Who({ session }: { session: Session }) {
  const queries = useQueryClient();
  const role = roleHere(session);
  const leave = async () => {
    await api.logout().catch(() => undefined);
    queries.clear();
    location.reload();
  };
  return (
    <div className="who">
      <span>
        {session.name || 'only reading'}
        {session.name && role && <span className="faint"> · {role}</span>}
      </span>
      {session.name ? (
        <button type="button" className="plain" onClick={() => void leave()}>
          Sign out
        </button>
      ) : (
        <a href={to.signIn}>Sign in</a>
      )}
    </div>
  );
}

/** Keeps a fault in one part from taking the whole page with it. */
class Fence extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  again() {
    // What a browser failed to fetch as a module it does not ask for again: only a new beginning helps.
    if (this.state.error instanceof TypeError) location.reload();
    else this.setState({ error: null });
  }
  override render() {
    if (this.state.error === null) return this.props.children;
    return <Trouble error={this.state.error} again={() => this.again()} />;
  }
}
