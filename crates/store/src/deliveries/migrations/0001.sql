CREATE TABLE delivery (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    inlet    TEXT    NOT NULL,
    at       INTEGER NOT NULL,             -- nanoseconds since 1970, UTC
    readable INTEGER NOT NULL,
    alarms   INTEGER NOT NULL,
    changes  INTEGER NOT NULL,
    remark   TEXT    NOT NULL,
    headers  TEXT    NOT NULL,             -- JSON: those that tell how it is to be read
    body     BLOB    NOT NULL              -- compressed with Zstandard
) STRICT;
CREATE INDEX delivery_inlet ON delivery (inlet, id);
-- What was here before, of deliveries ('d') and of alarms' turns ('a').
CREATE TABLE seen (
    inlet TEXT    NOT NULL,
    what  TEXT    NOT NULL,
    key   TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (inlet, what, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);
-- Alarms that the watch has not written down yet.
CREATE TABLE owed (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    alarm TEXT NOT NULL                    -- JSON
) STRICT;
CREATE TABLE change (
    id     TEXT    NOT NULL PRIMARY KEY,
    inlet  TEXT    NOT NULL,
    start  INTEGER NOT NULL,
    finish INTEGER NOT NULL,
    told   TEXT    NOT NULL                -- JSON
) STRICT, WITHOUT ROWID;
CREATE INDEX change_start ON change (start);
