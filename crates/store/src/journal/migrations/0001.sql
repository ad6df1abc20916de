-- The journal: one row per entry, never altered (J5, J6), and the small tables beside it.

CREATE TABLE entry (
    position INTEGER PRIMARY KEY,          -- over all incidents, in the order of writing
    incident TEXT    NOT NULL,
    seq      INTEGER NOT NULL,             -- within the incident, from 1
    at       INTEGER NOT NULL,             -- nanoseconds since 1970, UTC
    word     TEXT    NOT NULL,             -- the event's word, for looking up; the event itself counts
    packed   INTEGER NOT NULL,             -- 0: stored as it is; 1: compressed with Zstandard
    stored   BLOB    NOT NULL,             -- the event as versioned JSON
    previous TEXT    NOT NULL,
    digest   TEXT    NOT NULL,
    UNIQUE (incident, seq)
) STRICT;

CREATE INDEX entry_first ON entry (position) WHERE seq = 1;
CREATE INDEX entry_closed ON entry (incident) WHERE word = 'closed';

CREATE TRIGGER entry_is_not_altered BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TRIGGER entry_is_not_removed BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

-- An insert that replaces would pass the two above.
CREATE TRIGGER entry_follows BEFORE INSERT ON entry
WHEN NEW.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM entry WHERE incident = NEW.incident)
BEGIN SELECT RAISE(ABORT, 'an entry follows the newest of its incident'); END;

-- Who keeps the watch. One row at most; the token only ever grows.
CREATE TABLE watch (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    token  INTEGER NOT NULL,
    host   TEXT    NOT NULL,
    pid    INTEGER NOT NULL,
    locked INTEGER NOT NULL,               -- 1: that process held the lock beside the file
    until  INTEGER NOT NULL
) STRICT;

CREATE TABLE silence (
    id      TEXT PRIMARY KEY,
    starts  INTEGER NOT NULL,
    ordered TEXT NOT NULL                  -- the silence as JSON
) STRICT;

-- Which notices were told, by whom.
CREATE TABLE delivery (
    notice   TEXT    NOT NULL,
    notifier TEXT    NOT NULL,
    tries    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    told     INTEGER NOT NULL,
    why      TEXT    NOT NULL,
    PRIMARY KEY (notice, notifier)
) STRICT;
