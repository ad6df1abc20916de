//! The tables of what was posted, and the thread's own side.

use std::path::Path;

use model::change::Change;
use model::time::{TimeWindow, Timestamp};
use model::{Alarm, RawRef};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use crate::database::{Database, Found, How, Kind};

use super::{Delivered, Kept, Limits, Taken};

/// A store of deliveries: "MWin".
const KIND: Kind = Kind {
    application: 0x4d57_696e,
    migrations: &[include_str!("migrations/0001.sql")],
};

/// Deliveries between two looks for what is too old.
const SWEEP: u64 = 256;

/// The longest body that is unpacked again.
const LONGEST: usize = 64 << 20;

/// What the thread owns.
pub(super) struct Tables {
    limits: Limits,
    database: Database,
    taken: u64,
}

fn said(error: sqlx::Error) -> String {
    error.to_string()
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Tables {
    pub fn open(path: &Path, limits: Limits) -> Result<Self, String> {
        // Others' bodies may hold what is nobody else's business.
        let how = How {
            private: true,
            ..How::default()
        };
        let mut database = Database::open(path, how).map_err(|error| error.to_string())?;
        match database.examine(&KIND).map_err(said)? {
            Found::Foreign => {
                return Err("it is another program's database; it was left as it is".to_string());
            }
            Found::Newer(version) => {
                let newest = KIND.migrations.len();
                return Err(format!(
                    "it has version {version}, this program knows up to {newest}; it was left as it is"
                ));
            }
            Found::Empty | Found::Ours => {}
        }
        database.migrate(&KIND).map_err(said)?;
        Ok(Self {
            limits,
            database,
            taken: 0,
        })
    }

    pub fn close(self) {
        self.database.close();
    }

    pub fn take(&mut self, delivered: &Delivered) -> Result<Taken, String> {
        let headers =
            serde_json::to_string(&delivered.headers).map_err(|error| error.to_string())?;
        let body = zstd::bulk::compress(&delivered.body, 3).map_err(|error| error.to_string())?;
        let taken = self.database.run(async |connection| {
            // A transaction that is dropped on the way is rolled back.
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            let at = delivered.at.0;
            if delivered.readable
                && !new(&mut transaction, &delivered.inlet, "d", &delivered.key, at).await?
            {
                return Ok(Taken {
                    known: true,
                    ..Taken::default()
                });
            }
            // Its alarms say where it stands, so it comes first; how many were new is written at the end.
            let id: i64 = sqlx::query_scalar(
                "INSERT INTO delivery (inlet, at, readable, alarms, changes, remark, headers, body)
                 VALUES (?, ?, ?, 0, ?, ?, ?, ?) RETURNING id",
            )
            .bind(&delivered.inlet)
            .bind(at)
            .bind(delivered.readable)
            .bind(number(delivered.changes.len() as u64))
            .bind(&delivered.remark)
            .bind(headers)
            .bind(body)
            .fetch_one(&mut *transaction)
            .await?;
            let place = super::place(&delivered.inlet, id.unsigned_abs());
            let mut alarms = 0;
            for (alarm, line) in delivered.alarms.iter().zip(1..) {
                if new(&mut transaction, &delivered.inlet, "a", &alarm.id, at).await? {
                    let raw = RawRef {
                        file: place.as_str().into(),
                        line,
                    };
                    let alarm = Alarm {
                        raw,
                        ..alarm.clone()
                    };
                    let told = serde_json::to_string(&alarm)
                        .map_err(|error| sqlx::Error::Encode(error.into()))?;
                    sqlx::query("INSERT INTO owed (alarm) VALUES (?)")
                        .bind(told)
                        .execute(&mut *transaction)
                        .await?;
                    alarms += 1;
                }
            }
            for change in &delivered.changes {
                put(&mut transaction, &delivered.inlet, change).await?;
            }
            let changes = delivered.changes.len() as u64;
            sqlx::query("UPDATE delivery SET alarms = ? WHERE id = ?")
                .bind(number(alarms))
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(Taken {
                id: id.unsigned_abs(),
                known: false,
                alarms,
                changes,
            })
        });
        let taken = taken.map_err(said)?;
        self.taken += 1;
        if self.taken % SWEEP == 1 {
            self.sweep(delivered.at)?;
        }
        Ok(taken)
    }

    /// Lets go of what is too old or too much.
    fn sweep(&mut self, now: Timestamp) -> Result<(), String> {
        let oldest = now.minus(self.limits.age).0;
        let most = number(self.limits.bytes);
        let swept = self.database.run(async |connection| {
            sqlx::query("DELETE FROM seen WHERE at < ?").bind(oldest).execute(&mut *connection).await?;
            sqlx::query("DELETE FROM change WHERE finish < ?").bind(oldest).execute(&mut *connection).await?;
            sqlx::query("DELETE FROM delivery WHERE at < ?").bind(oldest).execute(&mut *connection).await?;
            // The newest that fit together stay.
            sqlx::query(
                "DELETE FROM delivery WHERE id <= coalesce((
                    SELECT max(id) FROM (
                        SELECT id, sum(length(body) + length(headers)) OVER (ORDER BY id DESC) AS held FROM delivery
                    ) WHERE held > ?), 0)",
            )
            .bind(most)
            .execute(&mut *connection)
            .await
        });
        swept.map(|_| ()).map_err(said)
    }

    pub fn owed(&mut self, most: u32) -> Result<Vec<(u64, Alarm)>, String> {
        let query = sqlx::query("SELECT place, alarm FROM owed ORDER BY place LIMIT ?")
            .bind(i64::from(most));
        let rows = self.database.run(async |c| query.fetch_all(c).await);
        let rows = rows.map_err(said)?;
        rows.iter()
            .map(|row| {
                let place: i64 = row.try_get(0).map_err(said)?;
                let alarm: &str = row.try_get(1).map_err(said)?;
                let alarm = serde_json::from_str(alarm).map_err(|error| error.to_string())?;
                Ok((place.unsigned_abs(), alarm))
            })
            .collect()
    }

    pub fn brought(&mut self, places: &[u64]) -> Result<(), String> {
        let done = self.database.run(async |connection| {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            for place in places {
                sqlx::query("DELETE FROM owed WHERE place = ?")
                    .bind(number(*place))
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await
        });
        done.map_err(said)
    }

    pub fn changes(&mut self, window: TimeWindow) -> Result<Vec<Change>, String> {
        let query = sqlx::query(
            "SELECT told FROM change WHERE start < ? AND finish >= ? ORDER BY start, id",
        )
        .bind(window.to().0)
        .bind(window.from().0);
        let rows = self.database.run(async |c| query.fetch_all(c).await);
        let rows = rows.map_err(said)?;
        rows.iter()
            .map(|row| {
                let told: &str = row.try_get(0).map_err(said)?;
                serde_json::from_str(told).map_err(|error| error.to_string())
            })
            .collect()
    }

    pub fn delivery(&mut self, inlet: &str, id: u64) -> Result<Option<Kept>, String> {
        let query = sqlx::query(
            "SELECT id, inlet, at, readable, alarms, changes, remark, headers, body FROM delivery
             WHERE inlet = ? AND id = ?",
        )
        .bind(inlet)
        .bind(number(id));
        let row = self.database.run(async |c| query.fetch_optional(c).await);
        row.map_err(said)?.as_ref().map(read).transpose()
    }

    pub fn kept(
        &mut self,
        inlet: &str,
        before: Option<u64>,
        most: u32,
    ) -> Result<Vec<Kept>, String> {
        let query = sqlx::query(
            "SELECT id, inlet, at, readable, alarms, changes, remark, headers, body FROM delivery
             WHERE inlet = ? AND id < ? ORDER BY id DESC LIMIT ?",
        )
        .bind(inlet)
        .bind(before.map_or(i64::MAX, number))
        .bind(i64::from(most));
        let rows = self.database.run(async |c| query.fetch_all(c).await);
        let rows = rows.map_err(said)?;
        rows.iter().map(read).collect()
    }
}

/// Is this key new? It is remembered from now on.
async fn new(
    connection: &mut SqliteConnection,
    inlet: &str,
    what: &str,
    key: &str,
    at: i64,
) -> Result<bool, sqlx::Error> {
    let written =
        sqlx::query("INSERT OR IGNORE INTO seen (inlet, what, key, at) VALUES (?, ?, ?, ?)")
            .bind(inlet)
            .bind(what)
            .bind(key)
            .bind(at)
            .execute(connection)
            .await?;
    Ok(written.rows_affected() > 0)
}

/// A change, as it is known now. What is told later may know less of some things: a list of files or of what it
/// carries is not forgotten for that.
async fn put(
    connection: &mut SqliteConnection,
    inlet: &str,
    change: &Change,
) -> Result<(), sqlx::Error> {
    let unlike = |error: serde_json::Error| sqlx::Error::Decode(error.into());
    let known: Option<String> = sqlx::query_scalar("SELECT told FROM change WHERE id = ?")
        .bind(&change.id)
        .fetch_optional(&mut *connection)
        .await?;
    let mut change = change.clone();
    if let Some(known) = known {
        let known: Change = serde_json::from_str(&known).map_err(unlike)?;
        change.start = change.start.min(known.start);
        change.end = change.end.max(known.end);
        change.diff = change.diff.or(known.diff);
        for (list, before) in [
            (&mut change.files, known.files),
            (&mut change.carries, known.carries),
        ] {
            if list.is_empty() {
                *list = before;
            }
        }
    }
    let told = serde_json::to_string(&change).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT OR REPLACE INTO change (id, inlet, start, finish, told) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(&change.id)
    .bind(inlet)
    .bind(change.start.0)
    .bind(change.end.0)
    .bind(told)
    .execute(connection)
    .await
    .map(|_| ())
}

fn read(row: &SqliteRow) -> Result<Kept, String> {
    let count = |index: usize| {
        row.try_get::<i64, _>(index)
            .map(i64::unsigned_abs)
            .map_err(said)
    };
    let headers: &str = row.try_get(7).map_err(said)?;
    let body: &[u8] = row.try_get(8).map_err(said)?;
    Ok(Kept {
        id: count(0)?,
        inlet: row.try_get(1).map_err(said)?,
        at: Timestamp(row.try_get(2).map_err(said)?),
        readable: row.try_get(3).map_err(said)?,
        alarms: count(4)?,
        changes: count(5)?,
        remark: row.try_get(6).map_err(said)?,
        headers: serde_json::from_str(headers).map_err(|error| error.to_string())?,
        body: zstd::bulk::decompress(body, LONGEST).map_err(|error| error.to_string())?,
    })
}
