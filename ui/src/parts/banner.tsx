import { useIsFetching, useQueryClient } from '@tanstack/react-query';
import { useLive } from '../live';
import { clock, length } from '../time';
import { useNow } from './small';

/** The oldest moment at which something that is shown was read. */
export function useShownAsOf(): number | null {
  const queries = useQueryClient();
  useIsFetching();
  const ages = queries
    .getQueryCache()
    .findAll({ type: 'active' })
    .map((query) => query.state.dataUpdatedAt)
    .filter((at) => at > 0);
  return ages.length > 0 ? Math.min(...ages) : null;
}

/** Says plainly that the connection is lost, and how old what is shown is. */
export function Banner() {
  const { link, again } = useLive();
  const now = useNow(1000);
  const asOf = useShownAsOf();
  // Its words change each second; a screen reader is told once, when it appears.
  if (link.is !== 'lost') {
    return (
      <div role="status" className="unseen">
        {link.is === 'live' ? 'Connected: what is shown is live.' : ''}
      </div>
    );
  }
  return (
    <div className="banner">
      <span role="status">
        <strong>Connection lost.</strong>{' '}
        <span className="unseen">What is shown may be old. Trying again by itself.</span>
      </span>
      <span aria-hidden="true">
        {asOf === null
          ? 'Nothing has been read yet. '
          : `What is shown is as of ${clock(new Date(asOf).toISOString())} UTC, ${length(now - asOf)} ago. `}
        Trying again{' '}
        {link.nextTry > now ? `in ${length(Math.ceil((link.nextTry - now) / 1000) * 1000)}` : 'now'}.
      </span>
      <button type="button" onClick={again}>
        Try now
      </button>
    </div>
  );
}
