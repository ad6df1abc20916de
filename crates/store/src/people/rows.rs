//! Reading and writing rows.

use model::people::{Account, ApiKey, Audited, Grants, Link, LinkKind, Replay, Session, Used};
use model::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};

type Outcome<T> = Result<T, sqlx::Error>;

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// A value as JSON.
fn json<T: serde::Serialize>(value: &T) -> Outcome<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

fn grants(row: &SqliteRow, column: &str) -> Outcome<Grants> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(decode)
}

fn time(row: &SqliteRow, column: &str) -> Outcome<Timestamp> {
    Ok(Timestamp(row.try_get(column)?))
}

fn perhaps(row: &SqliteRow, column: &str) -> Outcome<Option<Timestamp>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp))
}

fn account_of(row: &SqliteRow) -> Outcome<Account> {
    Ok(Account {
        name: row.try_get("name")?,
        password: row.try_get("password")?,
        grants: grants(row, "grants")?,
        made: time(row, "made")?,
        by: row.try_get("by")?,
    })
}

pub(super) async fn account(c: &mut SqliteConnection, name: &str) -> Outcome<Option<Account>> {
    let row = sqlx::query("SELECT * FROM account WHERE name = ?1")
        .bind(name)
        .fetch_optional(c)
        .await?;
    row.as_ref().map(account_of).transpose()
}

pub(super) async fn accounts(c: &mut SqliteConnection) -> Outcome<Vec<Account>> {
    let rows = sqlx::query("SELECT * FROM account ORDER BY name")
        .fetch_all(c)
        .await?;
    rows.iter().map(account_of).collect()
}

pub(super) async fn add_account(c: &mut SqliteConnection, account: &Account) -> Outcome<bool> {
    let done = sqlx::query(
        "INSERT INTO account (name, password, grants, made, by) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(&account.name)
    .bind(&account.password)
    .bind(json(&account.grants)?)
    .bind(account.made.0)
    .bind(&account.by)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn identified(
    c: &mut SqliteConnection,
    issuer: &str,
    subject: &str,
) -> Outcome<Option<Account>> {
    let row = sqlx::query(
        "SELECT account.* FROM identity JOIN account ON account.name = identity.person
         WHERE identity.issuer = ?1 AND identity.subject = ?2",
    )
    .bind(issuer)
    .bind(subject)
    .fetch_optional(c)
    .await?;
    row.as_ref().map(account_of).transpose()
}

pub(super) async fn add_identity(
    c: &mut SqliteConnection,
    issuer: &str,
    subject: &str,
    account: &Account,
) -> Outcome<bool> {
    let mut t = c.begin_with("BEGIN IMMEDIATE").await?;
    let added = add_account(&mut t, account).await?;
    let done = sqlx::query(
        "INSERT INTO identity (issuer, subject, person) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )
    .bind(issuer)
    .bind(subject)
    .bind(&account.name)
    .execute(&mut *t)
    .await?;
    if !added || done.rows_affected() != 1 {
        t.rollback().await?;
        return Ok(false);
    }
    t.commit().await?;
    Ok(true)
}

pub(super) async fn set_password(
    c: &mut SqliteConnection,
    name: &str,
    hash: &str,
    but: &str,
) -> Outcome<bool> {
    let mut t = c.begin_with("BEGIN IMMEDIATE").await?;
    let done = sqlx::query("UPDATE account SET password = ?2 WHERE name = ?1")
        .bind(name)
        .bind(hash)
        .execute(&mut *t)
        .await?;
    sqlx::query("DELETE FROM session WHERE person = ?1 AND digest <> ?2")
        .bind(name)
        .bind(but)
        .execute(&mut *t)
        .await?;
    t.commit().await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn set_grants(
    c: &mut SqliteConnection,
    name: &str,
    grants: &Grants,
) -> Outcome<bool> {
    let mut t = c.begin_with("BEGIN IMMEDIATE").await?;
    let done = sqlx::query("UPDATE account SET grants = ?2 WHERE name = ?1")
        .bind(name)
        .bind(json(grants)?)
        .execute(&mut *t)
        .await?;
    sqlx::query("DELETE FROM session WHERE person = ?1")
        .bind(name)
        .execute(&mut *t)
        .await?;
    t.commit().await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn remove(c: &mut SqliteConnection, name: &str, at: Timestamp) -> Outcome<bool> {
    let mut t = c.begin_with("BEGIN IMMEDIATE").await?;
    let done = sqlx::query("DELETE FROM account WHERE name = ?1")
        .bind(name)
        .execute(&mut *t)
        .await?;
    for gone in [
        "DELETE FROM session WHERE person = ?1",
        "DELETE FROM link WHERE person = ?1",
        "DELETE FROM identity WHERE person = ?1",
    ] {
        sqlx::query(gone).bind(name).execute(&mut *t).await?;
    }
    sqlx::query("UPDATE api_key SET revoked = ?2 WHERE person = ?1 AND revoked IS NULL")
        .bind(name)
        .bind(at.0)
        .execute(&mut *t)
        .await?;
    t.commit().await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn begin_session(c: &mut SqliteConnection, session: &Session) -> Outcome<()> {
    let mut t = c.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("DELETE FROM session WHERE until <= ?1")
        .bind(session.begun.0)
        .execute(&mut *t)
        .await?;
    sqlx::query(
        "INSERT INTO session (digest, person, begun, seen, until) VALUES (?1, ?2, ?3, ?4, ?5)",
    )
    .bind(&session.digest)
    .bind(&session.person)
    .bind(session.begun.0)
    .bind(session.seen.0)
    .bind(session.until.0)
    .execute(&mut *t)
    .await?;
    t.commit().await
}

pub(super) async fn session(
    c: &mut SqliteConnection,
    digest: &str,
) -> Outcome<Option<(Session, Account)>> {
    let row = sqlx::query(
        "SELECT session.*, account.* FROM session JOIN account ON account.name = session.person
         WHERE session.digest = ?1",
    )
    .bind(digest)
    .fetch_optional(c)
    .await?;
    let pair = |row: &SqliteRow| {
        let session = Session {
            digest: row.try_get("digest")?,
            person: row.try_get("person")?,
            begun: time(row, "begun")?,
            seen: time(row, "seen")?,
            until: time(row, "until")?,
        };
        Ok((session, account_of(row)?))
    };
    row.as_ref().map(pair).transpose()
}

pub(super) async fn seen(c: &mut SqliteConnection, digest: &str, at: Timestamp) -> Outcome<()> {
    sqlx::query("UPDATE session SET seen = max(seen, ?2) WHERE digest = ?1")
        .bind(digest)
        .bind(at.0)
        .execute(c)
        .await
        .map(|_| ())
}

pub(super) async fn end_session(c: &mut SqliteConnection, digest: &str) -> Outcome<()> {
    sqlx::query("DELETE FROM session WHERE digest = ?1")
        .bind(digest)
        .execute(c)
        .await
        .map(|_| ())
}

pub(super) async fn add_key(c: &mut SqliteConnection, key: &ApiKey) -> Outcome<()> {
    sqlx::query(
        "INSERT INTO api_key (id, name, person, digest, scopes, made, until, used, revoked)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
    .bind(&key.id)
    .bind(&key.name)
    .bind(&key.person)
    .bind(&key.digest)
    .bind(json(&key.scopes)?)
    .bind(key.made.0)
    .bind(key.until.map(|at| at.0))
    .bind(key.used.map(|at| at.0))
    .bind(key.revoked.map(|at| at.0))
    .execute(c)
    .await
    .map(|_| ())
}

fn key_of(row: &SqliteRow) -> Outcome<ApiKey> {
    Ok(ApiKey {
        id: row.try_get("id")?,
        name: row.try_get("key_name")?,
        person: row.try_get("person")?,
        digest: row.try_get("digest")?,
        scopes: grants(row, "scopes")?,
        made: time(row, "key_made")?,
        until: perhaps(row, "until")?,
        used: perhaps(row, "used")?,
        revoked: perhaps(row, "revoked")?,
    })
}

pub(super) async fn key(
    c: &mut SqliteConnection,
    digest: &str,
) -> Outcome<Option<(ApiKey, Account)>> {
    let row = sqlx::query(
        "SELECT api_key.id, api_key.name AS key_name, api_key.person, api_key.digest, api_key.scopes,
                api_key.made AS key_made, api_key.until, api_key.used, api_key.revoked, account.*
         FROM api_key JOIN account ON account.name = api_key.person WHERE api_key.digest = ?1",
    )
    .bind(digest)
    .fetch_optional(c)
    .await?;
    let pair = |row: &SqliteRow| Ok((key_of(row)?, account_of(row)?));
    row.as_ref().map(pair).transpose()
}

pub(super) async fn keys(c: &mut SqliteConnection, person: Option<String>) -> Outcome<Vec<ApiKey>> {
    let rows = sqlx::query(
        "SELECT id, name AS key_name, person, digest, scopes, made AS key_made, until, used, revoked
         FROM api_key WHERE ?1 IS NULL OR person = ?1 ORDER BY made, id",
    )
    .bind(person)
    .fetch_all(c)
    .await?;
    rows.iter().map(key_of).collect()
}

pub(super) async fn used(c: &mut SqliteConnection, id: &str, at: Timestamp) -> Outcome<()> {
    sqlx::query("UPDATE api_key SET used = max(coalesce(used, 0), ?2) WHERE id = ?1")
        .bind(id)
        .bind(at.0)
        .execute(c)
        .await
        .map(|_| ())
}

pub(super) async fn revoke(c: &mut SqliteConnection, id: &str, at: Timestamp) -> Outcome<bool> {
    let done = sqlx::query("UPDATE api_key SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL")
        .bind(id)
        .bind(at.0)
        .execute(c)
        .await?;
    Ok(done.rows_affected() == 1)
}

fn link_of(row: &SqliteRow) -> Outcome<Link> {
    let kind: String = row.try_get("kind")?;
    Ok(Link {
        digest: row.try_get("digest")?,
        kind: LinkKind::of(&kind)
            .ok_or_else(|| sqlx::Error::Decode(format!("no kind of link: {kind}").into()))?,
        person: row.try_get("person")?,
        grants: grants(row, "grants")?,
        made: time(row, "made")?,
        by: row.try_get("by")?,
        until: time(row, "until")?,
    })
}

pub(super) async fn add_link(c: &mut SqliteConnection, link: &Link) -> Outcome<()> {
    let mut t = c.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("DELETE FROM link WHERE until <= ?1 OR (?2 = 'setup' AND kind = 'setup')")
        .bind(link.made.0)
        .bind(link.kind.word())
        .execute(&mut *t)
        .await?;
    sqlx::query(
        "INSERT INTO link (digest, kind, person, grants, made, by, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(&link.digest)
    .bind(link.kind.word())
    .bind(&link.person)
    .bind(json(&link.grants)?)
    .bind(link.made.0)
    .bind(&link.by)
    .bind(link.until.0)
    .execute(&mut *t)
    .await?;
    t.commit().await
}

pub(super) async fn link(
    c: &mut SqliteConnection,
    digest: &str,
    now: Timestamp,
) -> Outcome<Option<Link>> {
    let row = sqlx::query("SELECT * FROM link WHERE digest = ?1 AND until > ?2")
        .bind(digest)
        .bind(now.0)
        .fetch_optional(c)
        .await?;
    row.as_ref().map(link_of).transpose()
}

pub(super) async fn links(c: &mut SqliteConnection, now: Timestamp) -> Outcome<Vec<Link>> {
    let rows = sqlx::query("SELECT * FROM link WHERE until > ?1 ORDER BY made, digest")
        .bind(now.0)
        .fetch_all(c)
        .await?;
    rows.iter().map(link_of).collect()
}

/// Two who come at once: one write transaction at a time, so only one of them finds the link.
pub(super) async fn use_link(
    c: &mut SqliteConnection,
    digest: &str,
    now: Timestamp,
    account: &Account,
) -> Outcome<Used> {
    let mut t = c.begin_with("BEGIN IMMEDIATE").await?;
    let Some(link) = link(&mut t, digest, now).await? else {
        t.rollback().await?;
        return Ok(Used::Void);
    };
    let fits = match link.kind {
        LinkKind::Setup => {
            let others: i64 =
                sqlx::query_scalar("SELECT count(*) FROM account WHERE password <> ''")
                    .fetch_one(&mut *t)
                    .await?;
            if others > 0 {
                t.rollback().await?;
                return Ok(Used::Void);
            }
            add_account(&mut t, account).await?
        }
        LinkKind::Invitation => add_account(&mut t, account).await?,
        LinkKind::Reset => {
            let done = sqlx::query("UPDATE account SET password = ?2 WHERE name = ?1")
                .bind(&link.person)
                .bind(&account.password)
                .execute(&mut *t)
                .await?;
            sqlx::query("DELETE FROM session WHERE person = ?1")
                .bind(&link.person)
                .execute(&mut *t)
                .await?;
            done.rows_affected() == 1
        }
        LinkKind::SignIn => true,
    };
    if !fits {
        t.rollback().await?;
        return Ok(Used::Taken);
    }
    sqlx::query("DELETE FROM link WHERE digest = ?1")
        .bind(digest)
        .execute(&mut *t)
        .await?;
    t.commit().await?;
    Ok(Used::Done)
}

pub(super) async fn audit(c: &mut SqliteConnection, done: &Audited) -> Outcome<()> {
    sqlx::query("INSERT INTO audit (at, done) VALUES (?1, ?2)")
        .bind(done.at.0)
        .bind(json(done)?)
        .execute(c)
        .await
        .map(|_| ())
}

pub(super) async fn audited(
    c: &mut SqliteConnection,
    before: Option<u64>,
    limit: u32,
) -> Outcome<Vec<(u64, Audited)>> {
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let rows = sqlx::query(
        "SELECT position, done FROM audit WHERE position < ?1 ORDER BY position DESC LIMIT ?2",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(c)
    .await?;
    rows.iter()
        .map(|row| {
            let position: i64 = row.try_get("position")?;
            let done: String = row.try_get("done")?;
            let done = serde_json::from_str(&done).map_err(decode)?;
            Ok((u64::try_from(position).unwrap_or(0), done))
        })
        .collect()
}

pub(super) async fn replay(
    c: &mut SqliteConnection,
    who: &str,
    key: &str,
) -> Outcome<Option<Replay>> {
    let row = sqlx::query("SELECT * FROM replay WHERE who = ?1 AND key = ?2")
        .bind(who)
        .bind(key)
        .fetch_optional(c)
        .await?;
    let one = |row: &SqliteRow| {
        Ok(Replay {
            who: row.try_get("who")?,
            key: row.try_get("key")?,
            asked: row.try_get("asked")?,
            status: u16::try_from(row.try_get::<i64, _>("status")?).map_err(decode)?,
            media: row.try_get("media")?,
            body: row.try_get("body")?,
            at: time(row, "at")?,
        })
    };
    row.as_ref().map(one).transpose()
}

pub(super) async fn keep_replay(
    c: &mut SqliteConnection,
    replay: &Replay,
    forget: Timestamp,
) -> Outcome<()> {
    let mut t = c.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("DELETE FROM replay WHERE at < ?1")
        .bind(forget.0)
        .execute(&mut *t)
        .await?;
    sqlx::query(
        "INSERT OR REPLACE INTO replay (who, key, asked, status, media, body, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(&replay.who)
    .bind(&replay.key)
    .bind(&replay.asked)
    .bind(i64::from(replay.status))
    .bind(&replay.media)
    .bind(replay.body.as_deref())
    .bind(replay.at.0)
    .execute(&mut *t)
    .await?;
    t.commit().await
}
