// What pages read, by name. The event stream says when something is out of date; a slow poll is the net below it.
import { hashKey, QueryCache, QueryClient, useQuery } from '@tanstack/react-query';
import { here } from '../space';
import { api, Problem } from './client';

/** Milliseconds between looks where no event comes. */
const SLOW = 60_000;

/** What is the same whichever space is shown. */
const OF_THE_HOUSE = ['session', 'spaces'];

export function newQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    // A session that has ended shows itself in whatever is asked first.
    queryCache: new QueryCache({
      onError: (error, query) => {
        if (error instanceof Problem && error.status === 401 && query.queryKey[0] !== 'session') {
          void client.invalidateQueries({ queryKey: ['session'] });
        }
      },
    }),
    defaultOptions: {
      queries: {
        // What was read of one space is never shown for another.
        queryKeyHashFn: (key) =>
          hashKey(OF_THE_HOUSE.includes(String(key[0])) ? key : [{ space: here() }, ...key]),
        refetchInterval: SLOW,
        refetchOnWindowFocus: true,
        staleTime: 2_000,
        // Shown data is kept while the server cannot be reached; its age is told.
        retry: (count, error) =>
          count < 2 && error instanceof Problem && (error.status === 0 || error.status >= 500),
        retryDelay: 400,
        networkMode: 'always',
      },
    },
  });
  return client;
}

export const openIncidents = {
  queryKey: ['incidents', 'open'],
  queryFn: ({ signal }: { signal: AbortSignal }) => api.open(signal),
};
export const useOpen = () => useQuery(openIncidents);
export const useSpaces = () =>
  useQuery({ queryKey: ['spaces'], queryFn: ({ signal }) => api.spaces(signal) });
export const useEverything = () =>
  useQuery({ queryKey: ['incidents', 'all'], queryFn: ({ signal }) => api.everything(signal) });
export const useIncident = (id: string) =>
  useQuery({ queryKey: ['incident', id, 'show'], queryFn: ({ signal }) => api.incident(id, signal) });
export const useTimeline = (id: string) =>
  useQuery({ queryKey: ['incident', id, 'timeline'], queryFn: ({ signal }) => api.timeline(id, signal) });
export const useReport = (id: string) =>
  useQuery({
    queryKey: ['incident', id, 'report'],
    queryFn: ({ signal }) => api.report(id, signal),
    enabled: id !== '',
  });
export const useExplained = (id: string, evidence: string) =>
  useQuery({
    queryKey: ['evidence', id, evidence],
    queryFn: ({ signal }) => api.explain(id, evidence, signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: false,
  });
export const useTopology = () =>
  useQuery({ queryKey: ['topology'], queryFn: ({ signal }) => api.topology(signal), staleTime: 30_000 });
export const useChanges = () =>
  useQuery({ queryKey: ['changes'], queryFn: ({ signal }) => api.changes(signal), staleTime: 30_000 });
export const useStats = () => useQuery({ queryKey: ['stats'], queryFn: ({ signal }) => api.stats(signal) });
export const useLessons = () =>
  useQuery({ queryKey: ['lessons'], queryFn: ({ signal }) => api.lessons(signal) });
export const useHealth = () =>
  useQuery({ queryKey: ['health'], queryFn: ({ signal }) => api.health(signal), refetchInterval: 15_000 });
export const useAlarms = () =>
  useQuery({ queryKey: ['alarms'], queryFn: ({ signal }) => api.alarms(signal) });
export const useSilences = () =>
  useQuery({ queryKey: ['silences'], queryFn: ({ signal }) => api.silences(signal) });
export const usePolicy = () =>
  useQuery({ queryKey: ['policy'], queryFn: ({ signal }) => api.policy(signal) });
export const usePeople = () =>
  useQuery({ queryKey: ['people'], queryFn: ({ signal }) => api.people(signal) });
export const useInvitations = () =>
  useQuery({ queryKey: ['invitations'], queryFn: ({ signal }) => api.invitations(signal) });
export const useKeys = () => useQuery({ queryKey: ['keys'], queryFn: ({ signal }) => api.keys(signal) });
export const useNotifiers = () =>
  useQuery({ queryKey: ['notifiers'], queryFn: ({ signal }) => api.notifiers(signal) });
export const useRecordings = () =>
  useQuery({ queryKey: ['recordings'], queryFn: ({ signal }) => api.recordings(signal) });
/** Asked often while one is under way: its steps are no events of an incident. */
export const useInvestigations = () =>
  useQuery({
    queryKey: ['investigations'],
    queryFn: ({ signal }) => api.investigations(signal),
    refetchInterval: ({ state }) => (state.data?.some((one) => one.going === 'running') ? 1000 : false),
  });
export const useInlets = () =>
  useQuery({ queryKey: ['inlets'], queryFn: ({ signal }) => api.inlets(signal) });
export const useDeliveries = (inlet: string) =>
  useQuery({ queryKey: ['inlets', inlet], queryFn: ({ signal }) => api.deliveries(inlet, signal) });
export const useMechanisms = () =>
  useQuery({
    queryKey: ['mechanisms'],
    queryFn: ({ signal }) => api.mechanisms(signal),
    refetchInterval: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
