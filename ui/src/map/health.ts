// How each entity stands, from the incidents that are open: nobody is well only because nothing was asked about them, so
// the word for all others is "nothing is known against it".
import type { Change, Summary } from '../api/shapes';
import type { Tone } from '../words';

export interface Health {
  tone: Tone;
  word: string;
  /** Incidents that say so. */
  incidents: { id: string; title: string }[];
}

export const UNKNOWN: Health = { tone: 'quiet', word: 'nothing is known against it', incidents: [] };

/** The worst that open incidents say of each entity. */
export function health(open: readonly Summary[]): Map<string, Health> {
  const found = new Map<string, Health>();
  const note = (entity: string, tone: Tone, word: string, one: Summary) => {
    const said = { id: one.id, title: one.title || one.id };
    const known = found.get(entity);
    if (!known) {
      found.set(entity, { tone, word, incidents: [said] });
      return;
    }
    if (!known.incidents.some((other) => other.id === one.id)) known.incidents.push(said);
    if (rank(tone) < rank(known.tone)) Object.assign(known, { tone, word });
  };
  for (const one of open) {
    if (one.closed) continue;
    for (const cause of one.causes) note(cause.entity, 'bad', `${cause.word} cause`, one);
    for (const alarm of one.alarms) {
      note(
        alarm.entity,
        one.firing ? 'ask' : 'work',
        one.firing ? 'an alarm fires' : 'its alarm is quiet',
        one,
      );
    }
  }
  return found;
}

const rank = (tone: Tone): number => ['bad', 'ask', 'work', 'good', 'quiet'].indexOf(tone);

/** The changes that touched each entity, the newest first. */
export function touched(changes: readonly Change[]): Map<string, Change[]> {
  const found = new Map<string, Change[]>();
  const sorted = [...changes].sort((a, b) => Date.parse(b.start) - Date.parse(a.start));
  for (const change of sorted) {
    for (const entity of change.entities ?? []) {
      const list = found.get(entity);
      if (list) list.push(change);
      else found.set(entity, [change]);
    }
  }
  return found;
}

/** Entities whose name, id, kind or labels hold every word; those whose name begins so come first, the unwell before all. */
export function search<
  T extends { id: string; name: string; kind?: string; labels?: Record<string, string> },
>(entities: readonly T[], typed: string, stands: Map<string, Health>): T[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (one: T): string =>
    `${one.name} ${one.id} ${one.kind ?? ''} ${Object.entries(one.labels ?? {})
      .flat()
      .join(' ')} ${stands.get(one.id)?.word ?? ''}`.toLowerCase();
  const hits =
    words.length === 0
      ? [...entities]
      : entities.filter((one) => words.every((word) => text(one).includes(word)));
  const first = (one: T): number => (words[0] && one.name.toLowerCase().startsWith(words[0]) ? 0 : 1);
  const worst = (one: T): number => rank(stands.get(one.id)?.tone ?? 'quiet');
  return hits
    .map((one) => ({ one, key: [worst(one), first(one)] as const }))
    .sort(
      (a, b) =>
        a.key[0] - b.key[0] ||
        a.key[1] - b.key[1] ||
        (a.one.name < b.one.name ? -1 : a.one.name > b.one.name ? 1 : 0),
    )
    .map(({ one }) => one);
}
