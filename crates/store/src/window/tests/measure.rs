//! What decision 0010 was decided by: the same chunks in segments of our own and in SQLite.
//!
//! `cargo test --release -p midwatch-store --lib -- --ignored --nocapture measure`

use std::time::Instant;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row};

use super::super::chunk::{self, Head, Kind};
use super::super::segments::{SegmentReader, Segments};
use super::super::{Held, choose};
use super::*;

/// Chunks of a window of some minutes under load.
const CHUNKS: usize = 200;
const SPANS: usize = 8_000;

/// A few seconds of spans, as an inlet makes them.
fn busy_seconds(number: usize) -> Batch {
    let mut batch = Batch::default();
    let mut state = number as u64 + 1;
    let mut chance = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 16
    };
    let entities: Vec<EntityId> = (0..8)
        .map(|i| format!("service/{i}").as_str().into())
        .collect();
    for i in 0..SPANS {
        let start = Timestamp((number * SPANS + i) as i64 * 500_000);
        batch.push_span(&SpanRow {
            trace_id: &format!("{:016x}{:016x}", chance(), chance()),
            span_id: &format!("{:016x}", chance()),
            parent_id: &format!("{:016x}", chance()),
            entity: &entities[i % 8],
            name: ["POST /transaction", "GET /balance", "put item"][i % 3],
            kind: SpanKind::Server,
            start,
            end: start.plus(Span((chance() % 50_000_000) as i64)),
            error: i % 97 == 0,
            message: "",
            peer: "",
            attributes: &[
                ("http.request.method", "POST"),
                ("http.response.status_code", "200"),
                ("http.route", "/transaction"),
                ("service.instance.id", "api-7f9c4d-0"),
                ("transaction.id", &format!("{:016x}", chance())),
            ],
            file: &"".into(),
            line: 0,
        });
    }
    batch
}

/// Times a piece of work, per chunk.
fn timed<T>(what: &str, per: usize, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let out = work();
    let ms = begin.elapsed().as_secs_f64() * 1e3;
    println!(
        "{what}: {:.2} ms a chunk, {ms:.0} ms in all",
        ms / per as f64
    );
    out
}

#[test]
#[ignore = "a measurement, not a test"]
fn measure_segments_beside_sqlite() {
    let held: Vec<Held> = (0..CHUNKS)
        .map(|number| Held {
            batch: Arc::new(busy_seconds(number)),
            first_log: 1,
            first_span: (number * SPANS) as u64 + 1,
            at: Timestamp::from_seconds(number as i64),
        })
        .collect();
    let memory: usize = held.iter().map(|h| h.batch.bytes()).sum();
    let chunks: Vec<(Head, Vec<u8>)> = timed("packing (both)", CHUNKS, || {
        let chunks = held
            .iter()
            .map(|h| chunk::encode(std::slice::from_ref(h)).unwrap());
        chunks.collect()
    });
    let packed: usize = chunks.iter().map(|(_, body)| body.len()).sum();
    println!(
        "{} spans a chunk: {} KiB of memory, {} KiB packed, {:.1} bytes a span",
        SPANS,
        (memory / CHUNKS) >> 10,
        (packed / CHUNKS) >> 10,
        packed as f64 / (SPANS * CHUNKS) as f64
    );
    let folder = tempfile::tempdir().unwrap();
    segments(&chunks, &folder.path().join("segments"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(sqlite(&chunks, &folder.path().join("telemetry.db")));
}

fn segments(chunks: &[(Head, Vec<u8>)], folder: &std::path::Path) {
    let mut segments = Segments::open(folder).unwrap();
    timed("segments: writing", CHUNKS, || {
        for (head, body) in chunks {
            segments.append(*head, body, 16 << 20).unwrap();
        }
        segments.close();
    });
    drop(segments);
    let mut segments = timed("segments: opening again", CHUNKS, || {
        Segments::open(folder).unwrap()
    });
    timed("segments: reading a tenth", CHUNKS / 10, || {
        let wanted = |head: &Head| (100..120).contains(&(head.at / SECOND));
        let mut read = 0;
        for (path, chunks) in choose(&segments, wanted) {
            let mut reader = SegmentReader::open(&path).unwrap().unwrap();
            for chunk in &chunks {
                read += reader.read(chunk, Kind::Spans).unwrap().len();
            }
        }
        assert!(read > 0);
    });
    let before = segments.bytes();
    timed("segments: dropping the older half", CHUNKS / 2, || {
        while segments.bytes() > before / 2 {
            segments.drop_oldest();
        }
    });
    println!(
        "segments: {} KiB left of {} KiB",
        segments.bytes() >> 10,
        before >> 10
    );
}

async fn sqlite(chunks: &[(Head, Vec<u8>)], path: &std::path::Path) {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    let open = || options.connect();
    let mut database = open().await.unwrap();
    sqlx::query(
        "CREATE TABLE chunk (at INTEGER PRIMARY KEY, head BLOB NOT NULL, body BLOB NOT NULL)",
    )
    .execute(&mut database)
    .await
    .unwrap();
    let begin = Instant::now();
    for (head, body) in chunks {
        sqlx::query("INSERT INTO chunk VALUES (?, ?, ?)")
            .bind(head.at / SECOND)
            .bind(head.to_bytes())
            .bind(body)
            .execute(&mut database)
            .await
            .unwrap();
    }
    let ms = begin.elapsed().as_secs_f64() * 1e3;
    println!(
        "sqlite: writing: {:.2} ms a chunk, {ms:.0} ms in all",
        ms / CHUNKS as f64
    );
    database.close().await.unwrap();
    let begin = Instant::now();
    let mut database = open().await.unwrap();
    let heads = sqlx::query("SELECT head FROM chunk")
        .fetch_all(&mut database)
        .await
        .unwrap();
    assert_eq!(heads.len(), CHUNKS);
    println!(
        "sqlite: opening again: {:.0} ms in all",
        begin.elapsed().as_secs_f64() * 1e3
    );
    let begin = Instant::now();
    let rows = sqlx::query("SELECT head, body FROM chunk WHERE at >= 100 AND at < 120")
        .fetch_all(&mut database)
        .await
        .unwrap();
    let read: usize = rows.iter().map(|row| row.get::<Vec<u8>, _>(1).len()).sum();
    assert!(read > 0);
    let ms = begin.elapsed().as_secs_f64() * 1e3;
    println!(
        "sqlite: reading a tenth: {:.2} ms a chunk, {ms:.0} ms in all",
        ms * 10.0 / CHUNKS as f64
    );
    let size = || std::fs::metadata(path).unwrap().len() >> 10;
    let before = size();
    let begin = Instant::now();
    sqlx::query("DELETE FROM chunk WHERE at < 100")
        .execute(&mut database)
        .await
        .unwrap();
    let ms = begin.elapsed().as_secs_f64() * 1e3;
    println!(
        "sqlite: dropping the older half: {:.2} ms a chunk, {ms:.0} ms in all",
        ms * 2.0 / CHUNKS as f64
    );
    database.close().await.unwrap();
    println!("sqlite: {} KiB left of {before} KiB", size());
}
