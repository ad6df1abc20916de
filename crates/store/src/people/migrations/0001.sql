-- People, what they hold and what they did. No secret stands here: of passwords Argon2 hashes, of tokens digests.
-- Times are nanoseconds since 1970, UTC; roles by space are JSON.

CREATE TABLE account (
    name     TEXT PRIMARY KEY,
    password TEXT    NOT NULL,             -- PHC string; empty while there is none
    grants   TEXT    NOT NULL,
    made     INTEGER NOT NULL,
    by       TEXT    NOT NULL
) STRICT;

CREATE TABLE session (
    digest TEXT PRIMARY KEY,
    person TEXT    NOT NULL,
    begun  INTEGER NOT NULL,
    seen   INTEGER NOT NULL,
    until  INTEGER NOT NULL
) STRICT;
CREATE INDEX session_of ON session (person);

CREATE TABLE api_key (
    id      TEXT PRIMARY KEY,
    name    TEXT    NOT NULL,
    person  TEXT    NOT NULL,
    digest  TEXT    NOT NULL UNIQUE,
    scopes  TEXT    NOT NULL,
    made    INTEGER NOT NULL,
    until   INTEGER,
    used    INTEGER,
    revoked INTEGER
) STRICT;
CREATE INDEX api_key_of ON api_key (person);

CREATE TABLE link (
    digest TEXT PRIMARY KEY,
    kind   TEXT    NOT NULL,
    person TEXT    NOT NULL,
    grants TEXT    NOT NULL,
    made   INTEGER NOT NULL,
    by     TEXT    NOT NULL,
    until  INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    done     TEXT    NOT NULL              -- as JSON
) STRICT;

CREATE TRIGGER audit_is_not_altered BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- An insert that replaces would pass the two above.
CREATE TRIGGER audit_follows BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE position = NEW.position)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TABLE replay (
    who    TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    asked  TEXT    NOT NULL,
    status INTEGER NOT NULL,
    media  TEXT    NOT NULL,
    body   BLOB,
    at     INTEGER NOT NULL,
    PRIMARY KEY (who, key)
) STRICT;
CREATE INDEX replay_at ON replay (at);
