import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api } from '../api/client';
import { useInvestigations, useRecordings } from '../api/hooks';
import type { Investigation, RecordingLine } from '../api/shapes';
import { Form, Outcome, useDeed } from '../parts/deed';
import { Stands } from '../parts/mark';
import { Nothing, Part, Trouble, Waiting } from '../parts/small';
import { may, useSession } from '../session';
import { moment } from '../time';

/** A name that the server takes, from what a file is called. */
export function nameOf(file: string): string {
  const plain = file
    .toLowerCase()
    .replace(/\.tar\.zst$/, '')
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '');
  return plain.slice(0, 64).replace(/-+$/, '');
}

/** The newest investigation of a recording. */
const newest = (jobs: readonly Investigation[] | null | undefined, name: string): Investigation | undefined =>
  jobs?.find(({ subject }) => 'recording' in subject && subject.recording === name);

/** Recordings that were sent here: sending one, investigating it, its report. */
export function Recordings() {
  const recordings = useRecordings();
  const jobs = useInvestigations();
  const queries = useQueryClient();
  const session = useSession();
  const [sending, doing] = [useDeed(), useDeed()];
  const [file, setFile] = useState<File | null>(null);
  const running = jobs.data?.some((one) => one.going === 'running') ?? false;
  // When one has ended there is a report that the list does not know of yet.
  useEffect(() => {
    if (!running) void queries.invalidateQueries({ queryKey: ['recordings'] });
  }, [running, queries]);
  const allowed = may(session, 'responder');
  const stale = [['recordings'], ['investigations']];
  return (
    <Part title="Recordings that were sent here" count={recordings.data?.length}>
      {recordings.isPending && <Waiting what="the recordings" />}
      {recordings.isError && !recordings.data && (
        <Trouble error={recordings.error} again={() => void recordings.refetch()} />
      )}
      {recordings.data === null && <Nothing>This server takes none.</Nothing>}
      {recordings.data?.length === 0 && <Nothing>None was sent.</Nothing>}
      <ul className="rules">
        {recordings.data?.map((one) => (
          <Row
            key={one.name}
            one={one}
            job={newest(jobs.data, one.name)}
            busy={running || doing.busy}
            investigate={allowed ? () => void doing.run(() => api.investigate(one.name), stale) : undefined}
            remove={allowed ? () => void doing.run(() => api.removeRecording(one.name), stale) : undefined}
          />
        ))}
      </ul>
      <Outcome deed={doing} />
      {allowed && recordings.data && (
        <Form
          open="Send a recording"
          button="Send it"
          deed={sending}
          send={() => {
            if (file) void sending.run(() => api.sendRecording(nameOf(file.name), file), stale);
          }}
        >
          <label className="field">
            A packed recording, .tar.zst
            <input
              type="file"
              accept=".zst,application/zstd"
              required
              onChange={(event) => setFile(event.target.files?.[0] ?? null)}
            />
          </label>
        </Form>
      )}
    </Part>
  );
}

function Row({
  one,
  job,
  busy,
  investigate,
  remove,
}: {
  one: RecordingLine;
  job: Investigation | undefined;
  busy: boolean;
  investigate: (() => void) | undefined;
  remove: (() => void) | undefined;
}) {
  const running = job?.going === 'running';
  return (
    <li>
      <Stands tone={one.sound ? 'good' : 'bad'} word={one.sound ? 'sound' : 'faulty'} />
      <div>
        <b>{one.name}</b> <span className="faint">{one.title}</span>
        <p className="faint" title={moment(one.at)}>
          by {one.by}, {Math.max(1, Math.round(one.bytes / 1024)).toLocaleString('en')} KiB
        </p>
        {running && (
          <p role="status">
            being investigated, step {job.steps}: {job.step}
          </p>
        )}
        {job?.going === 'failed' && <p className="refused">{job.why}</p>}
        {one.investigated && !running && (
          <p>
            <a href={api.reportOfRecording(one.name)} target="_blank" rel="noreferrer">
              Its report<span className="unseen"> of {one.name}</span>
            </a>
          </p>
        )}
        {investigate && (
          <button type="button" className="plain" disabled={busy} onClick={investigate}>
            Investigate it<span className="unseen">: {one.name}</span>
          </button>
        )}{' '}
        {remove && (
          <button type="button" className="plain" disabled={busy} onClick={remove}>
            Remove it<span className="unseen">: {one.name}</span>
          </button>
        )}
      </div>
    </li>
  );
}
