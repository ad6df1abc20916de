// Everything can be done from the keyboard; these are the short ways. Each can be switched off, because a person who
// speaks to the machine, or whose hand shakes, should not trigger them by chance.
import { useEffect, useRef, useState } from 'react';
import { useSpaces } from './api/hooks';
import { go, parse, to } from './route';

const OFF = 'midwatch.keys-off';
const stored = (): boolean => {
  try {
    return localStorage.getItem(OFF) === 'yes';
  } catch {
    return false;
  }
};

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** The things on a page that j and k walk along. */
const items = (): HTMLElement[] =>
  [...document.querySelectorAll<HTMLElement>('main [data-item]')].filter(
    (item) => item.offsetParent !== null,
  );

function walk(by: number): void {
  const all = items();
  if (all.length === 0) return;
  const at = all.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by));
  all[next]?.focus();
  all[next]?.scrollIntoView({ block: 'nearest' });
}

export const KEYS: [string, string][] = [
  ['j, k', 'next, previous item'],
  ['Enter', 'open it'],
  ['g then n', 'Now: what is broken'],
  ['g then t', 'Topology'],
  ['g then a', 'Ask'],
  ['g then l', 'Learned'],
  ['g then s', 'Set-up'],
  ['p', 'the plan of the incident that is open'],
  ['u', 'up: from plan to incident, from incident to Now'],
  ['/', 'ask a question'],
  ['Esc', 'close what is open'],
  ['?', 'this list'],
];

/** Only where there is more than one. */
const SPACES: [string, string] = ['g then w', 'the choice of the space (whose)'];

export function Keys() {
  const help = useRef<HTMLDialogElement>(null);
  const several = (useSpaces().data?.length ?? 0) > 1;
  const [off, setOff] = useState(stored);

  useEffect(() => {
    let waitsForPlace = 0;
    const open = () => help.current?.showModal();
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target))
        return;
      if (document.querySelector('dialog[open]')) return;
      if (off) return;
      const after = Date.now() - waitsForPlace < 1500;
      waitsForPlace = 0;
      const route = parse(location.hash);
      const id = route.page === 'incident' || route.page === 'approve' ? route.id : '';
      const places: Record<string, string> = {
        n: to.now,
        t: to.topology(),
        a: to.ask(),
        l: to.learned,
        s: to.setup,
      };
      if (after) {
        const spaces = document.querySelector<HTMLElement>('.space select');
        if (event.key === 'w' && spaces) {
          event.preventDefault();
          spaces.focus();
          return;
        }
        const place = places[event.key];
        if (place) {
          event.preventDefault();
          go(place);
        }
        return;
      }
      switch (event.key) {
        case 'j':
          walk(1);
          break;
        case 'k':
          walk(-1);
          break;
        case 'g':
          waitsForPlace = Date.now();
          break;
        case '?':
          open();
          break;
        case '/':
          go(to.ask());
          break;
        case 'p':
          if (id) go(to.approve(id));
          break;
        case 'u':
          go(route.page === 'approve' ? to.incident(id) : to.now);
          break;
        default:
          return;
      }
      event.preventDefault();
    };
    window.addEventListener('keydown', pressed);
    window.addEventListener('midwatch:help', open);
    return () => {
      window.removeEventListener('keydown', pressed);
      window.removeEventListener('midwatch:help', open);
    };
  }, [off]);

  const turn = (value: boolean) => {
    setOff(value);
    try {
      localStorage.setItem(OFF, value ? 'yes' : 'no');
    } catch {
      // Not kept, then; it holds until the page is closed.
    }
  };
  return (
    <dialog ref={help} className="help" aria-labelledby="help-title">
      <h2 id="help-title">Keys</h2>
      <dl>
        {(several ? [...KEYS, SPACES] : KEYS).map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label className="check">
        <input type="checkbox" checked={!off} onChange={(event) => turn(!event.target.checked)} />
        Single keys do something
      </label>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
