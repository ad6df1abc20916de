import { api } from '../api/client';

/** Where an alarm stands that somebody posted: its inlet, and the number of the delivery that it came in. */
const PLACE = /^inlets\/([a-z0-9-]+)\/deliveries\/(\d+)$/;

/** A link to what was posted, as it was kept: plain text, in a tab of its own. Nothing for alarms of our own. */
export function Posted({ file }: { file: string | undefined }) {
  const [, inlet, delivery] = PLACE.exec(file ?? '') ?? [];
  if (!inlet || !delivery) return null;
  return (
    <a className="small" href={api.delivery(inlet, delivery)} target="_blank" rel="noreferrer">
      what was posted
    </a>
  );
}
