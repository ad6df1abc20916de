// The event stream for the whole page: what it says makes what was read out of date, and its own state is shown.
import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { events } from './api/client';
import type { LinkState } from './api/events';
import { share } from './api/shared';

interface Live {
  link: LinkState;
  again(): void;
}
const Context = createContext<Live>({ link: { is: 'joining' }, again: () => undefined });
export const useLive = (): Live => useContext(Context);

/** Events come in bursts while something is looked at: they are gathered for so many milliseconds. */
const GATHER = 120;

export function LiveProvider({ space, children }: { space: string; children: ReactNode }) {
  const queries = useQueryClient();
  const [link, setLink] = useState<LinkState>({ is: 'joining' });
  const stream = useRef<ReturnType<typeof share>>(undefined);

  useEffect(() => {
    const touched = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      for (const id of touched) void queries.invalidateQueries({ queryKey: ['incident', id] });
      touched.clear();
      void queries.invalidateQueries({ queryKey: ['incidents'] });
    };
    const opened = share(events(space), {
      state(now) {
        setLink(now);
        // The stream begins at what is newest; what was read just before may have been overtaken by it.
        if (now.is === 'live') {
          void queries.invalidateQueries({ queryKey: ['incidents'] });
          void queries.invalidateQueries({ queryKey: ['incident'] });
        }
        // A session that has ended shows itself here first, while nothing else is asked.
        if (now.is === 'refused' && now.status === 401) {
          void queries.invalidateQueries({ queryKey: ['session'] });
        }
      },
      notice(notice) {
        touched.add(notice.incident);
        if (notice.kind === 'closed' || notice.kind === 'lesson_learned') {
          void queries.invalidateQueries({ queryKey: ['stats'] });
          void queries.invalidateQueries({ queryKey: ['lessons'] });
        }
        timer ??= setTimeout(flush, GATHER);
      },
      resumed: () => void queries.invalidateQueries(),
    });
    stream.current = opened;
    const back = () => opened.again();
    window.addEventListener('online', back);
    return () => {
      window.removeEventListener('online', back);
      clearTimeout(timer);
      opened.stop();
    };
  }, [queries, space]);

  const live = useMemo(() => ({ link, again: () => stream.current?.again() }), [link]);
  return <Context value={live}>{children}</Context>;
}
