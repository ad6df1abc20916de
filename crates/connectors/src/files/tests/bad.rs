//! Bad input: one clear error that names file, line and remedy; never a panic.

use std::io::{Read, Write};

use super::super::{Fault, FilesError, Limits, open};
use super::{head, lay, opened};

/// Expects the recording to be refused; `fault file:line` and a word of what was found.
fn refused(files: &[(&str, &[u8])], expected: &str, word: &str) {
    let error = opened(files)
        .err()
        .unwrap_or_else(|| panic!("{expected}: was read"));
    check(&error, expected, word);
}

fn check(error: &FilesError, expected: &str, word: &str) {
    let problem = error.problem();
    let line = problem
        .line
        .map_or(String::new(), |line| format!(":{line}"));
    assert_eq!(
        format!("{:?} {}{line}", problem.fault, problem.file),
        expected,
        "{error}"
    );
    assert!(problem.found.contains(word), "{error}");
    assert!(
        !problem.expected.is_empty() && !problem.remedy.is_empty(),
        "{error}"
    );
}

#[test]
fn truncated_and_damaged_compression() {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for i in 0..1000 {
        writeln!(
            gz,
            "{{\"time\":{},\"entity\":\"a\",\"body\":\"line {i}\"}}",
            1_767_265_200 + i
        )
        .unwrap();
    }
    let whole = gz.finish().unwrap();
    assert!(opened(&[("logs/a.ndjson.gz", &whole)]).is_ok());
    // The line is the one that the data breaks off in, near the beginning of the file and far in.
    for cut in [40, whole.len() / 2, whole.len() - 6] {
        let mut text = Vec::new();
        let _ = flate2::read::GzDecoder::new(&whole[..cut]).read_to_end(&mut text);
        let line = 1 + text.iter().filter(|byte| **byte == b'\n').count();
        refused(
            &[("logs/a.ndjson.gz", &whole[..cut])],
            &format!("Compression logs/a.ndjson.gz:{line}"),
            "ends early",
        );
    }
    let mut damaged = whole.clone();
    damaged[20] ^= 0xff;
    let error = opened(&[("logs/a.ndjson.gz", &damaged)]).unwrap_err();
    assert!(
        matches!(
            error.fault(),
            Fault::Compression | Fault::Syntax | Fault::Encoding
        ),
        "{error}"
    );
    let zst = zstd::encode_all(&b"time,entity,metric,value\n1767265200,a,m,1\n"[..], 1).unwrap();
    assert!(opened(&[("metrics/a.csv.zst", &zst)]).is_ok());
    refused(
        &[("metrics/a.csv.zst", &zst[..zst.len() - 4])],
        "Compression metrics/a.csv.zst:2",
        "",
    );
}

#[test]
fn bombs() {
    let zeros = vec![b'\n'; 200 << 20];
    let bomb = zstd::encode_all(&zeros[..], 1).unwrap();
    refused(
        &[("logs/a.ndjson.zst", &bomb)],
        "TooLarge logs/a.ndjson.zst",
        "expands",
    );
}

#[test]
fn versions_and_heads() {
    let mut other = head();
    other.schema = "midwatch.recording/9".into();
    let text = serde_json::to_vec_pretty(&other).unwrap();
    refused(
        &[("recording.json", &text)],
        "Schema recording.json:2",
        "midwatch.recording/9",
    );
    refused(&[("recording.json", b"{}")], "Schema recording.json:1", "");
    refused(
        &[("recording.json", b"{\"schema\":")],
        "Syntax recording.json:1",
        "ends",
    );
    let text = String::from_utf8(serde_json::to_vec_pretty(&head()).unwrap()).unwrap();
    let wrong = text.replace("\"title\": \"Checkout is slow\"", "\"title\": 7");
    refused(
        &[("recording.json", wrong.as_bytes())],
        "Type recording.json:4",
        "integer `7`",
    );
    let back = text.replace(
        "\"from\": \"2026-01-01T11:00:00Z\"",
        "\"from\": \"2026-01-01T13:00:00Z\"",
    );
    refused(
        &[("recording.json", back.as_bytes())],
        "Type recording.json:9",
        "must end after it begins",
    );
    let early = text.replace(
        "\"now\": \"2026-01-01T12:00:00Z\"",
        "\"now\": \"2026-01-01T10:00:00Z\"",
    );
    refused(
        &[("recording.json", early.as_bytes())],
        "Clock recording.json:5",
        "before the window",
    );
    let folder = tempfile::tempdir().unwrap();
    let error = open(folder.path(), &Limits::default()).unwrap_err();
    assert_eq!(error.fault(), Fault::NotARecording);
}

#[test]
fn duplicates_and_edges_to_nowhere() {
    let alarm = |id: &str| {
        format!(
            "{{\"id\":\"{id}\",\"rule\":\"r\",\"entity\":\"e\",\"fired_at\":\"2026-01-01T11:30:00Z\"}}"
        )
    };
    let twice = format!("[{},\n{},\n{}]", alarm("a"), alarm("b"), alarm("a"));
    refused(
        &[("alarms.json", twice.as_bytes())],
        "Duplicate alarms.json:3",
        "alarms.json:1",
    );
    let entities = b"{\"entities\":[\n{\"id\":\"a\",\"name\":\"a\"},\n{\"id\":\"a\",\"name\":\"b\"}],\"edges\":[]}";
    refused(
        &[("topology.json", entities)],
        "Duplicate topology.json:3",
        "topology.json:2",
    );
    let edge = b"{\"entities\":[{\"id\":\"a\",\"name\":\"a\"}],\n\"edges\":[\n\n{\"from\":\"a\",\"to\":\"b\"}]}";
    refused(
        &[("topology.json", edge)],
        "Edge topology.json:4",
        "no entity b",
    );
    let typed = b"{\"entities\":[{\"id\":\"a\",\n\"name\":[]}]}";
    refused(
        &[("topology.json", typed)],
        "Type topology.json:2",
        "expected a string",
    );
}

#[test]
fn clocks_that_run_backwards() {
    let change = b"[{\"id\":\"c\",\"kind\":\"deploy\",\"title\":\"t\",\"start\":\"2026-01-01T11:30:00Z\",\"end\":\"2026-01-01T11:00:00Z\"}]";
    refused(
        &[("changes.json", change)],
        "Clock changes.json:1",
        "before it begins",
    );
    // Rows out of order are put in order and counted: exports do that, and no meaning is lost.
    let rows = b"time,entity,metric,value\n1767265260,a,m,2\n1767265200,a,m,1\n1767265320,a,m,3\n1767265320,a,m,4\n";
    let open = opened(&[("metrics/m.csv", rows)]).unwrap();
    assert_eq!(
        (open.dropped().out_of_order, open.dropped().same_moment),
        (1, 1)
    );
    refused(
        &[(
            "metrics/m.csv",
            b"time,entity,metric,value\nyesterday,a,m,2\n",
        )],
        "Syntax metrics/m.csv:2",
        "yesterday",
    );
}

#[test]
fn numbers_that_are_none() {
    let rows = b"time,entity,metric,value\n1767265200,a,m,NaN\n1767265201,a,m,inf\n1767265202,a,m,-Infinity\n1767265203,a,m,\n1767265204,a,m,1\n";
    let open = opened(&[("metrics/m.csv", rows)]).unwrap();
    assert_eq!(open.dropped().not_finite, 4);
    refused(
        &[(
            "metrics/m.csv",
            b"time,entity,metric,value\n1767265200,a,m,many\n",
        )],
        "Syntax metrics/m.csv:2",
        "many",
    );
    refused(
        &[(
            "metrics/m.csv",
            b"time,entity,metric,value\n1767265200,a,m\n",
        )],
        "Syntax metrics/m.csv:2",
        "3 cells",
    );
}

#[test]
fn long_lines_and_foreign_bytes() {
    let long = format!(
        "{{\"time\":1767265200,\"body\":\"ok\"}}\n{{\"time\":1767265200,\"body\":\"{}\"}}\n",
        "x".repeat(10 << 20)
    );
    refused(
        &[("logs/a.ndjson", long.as_bytes())],
        "TooLarge logs/a.ndjson:2",
        "line of more than",
    );
    let foreign =
        b"{\"time\":1767265200,\"body\":\"ok\"}\n{\"time\":1767265200,\"body\":\"caf\xe9\"}\n";
    refused(
        &[("logs/a.ndjson", foreign)],
        "Encoding logs/a.ndjson:2",
        "UTF-8",
    );
    refused(
        &[("alarms.json", b"[\n\xff]")],
        "Encoding alarms.json:2",
        "UTF-8",
    );
}

#[test]
fn nesting_and_wrong_types() {
    let deep = format!(
        "{{\"time\":1767265200,\"body\":{}1{}}}\n",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    refused(
        &[("logs/a.ndjson", deep.as_bytes())],
        "Nesting logs/a.ndjson:1",
        "128",
    );
    let state = format!(
        "{{\"entity\":\"a\",\"time\":\"2026-01-01T11:30:00Z\",\"kind\":\"k\",\"document\":{}{}}}",
        "[".repeat(5000),
        "]".repeat(5000)
    );
    refused(
        &[("states/a.json", state.as_bytes())],
        "Nesting states/a.json:1",
        "",
    );
    refused(
        &[("logs/a.ndjson", b"{\"body\":\"no time\"}\n")],
        "Type logs/a.ndjson:1",
        "without a time",
    );
    refused(
        &[("logs/a.ndjson", b"{\"time\":true}\n")],
        "Type logs/a.ndjson:1",
        "true",
    );
    refused(
        &[("logs/a.ndjson", b"{\"time\":1767265200}\n[1]\n")],
        "Syntax logs/a.ndjson:2",
        "[1]",
    );
    refused(&[("alarms.json", b"{\"id\":7}")], "Type alarms.json:1", "");
    refused(
        &[(
            "otlp/x.json",
            b"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":\"x\"}]}]}]}",
        )],
        "Syntax otlp/x.json:1",
        "",
    );
}

#[cfg(unix)]
#[test]
fn claims_of_petabytes_and_links() {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), &[("metrics/m.csv", b"")]);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join("metrics/m.csv"))
        .unwrap();
    // Two petabytes where the file system can say so; what it can otherwise.
    let claimed = [2 << 50, 8 << 40, 1 << 40]
        .iter()
        .any(|size| file.set_len(*size).is_ok());
    assert!(claimed);
    let error = open(folder.path(), &Limits::default()).unwrap_err();
    assert_eq!(error.fault(), Fault::TooLarge, "{error}");
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), &[]);
    std::os::unix::fs::symlink("/etc", folder.path().join("logs")).unwrap();
    let open = open(folder.path(), &Limits::default()).unwrap();
    assert_eq!(open.passed_over().len(), 1);
}

#[test]
fn the_answer_is_never_opened() {
    // Neither a broken nor an unreadable answer disturbs an investigation.
    assert!(opened(&[("answer.json", b"\xff{{{")]).is_ok());
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), &[("answer.json", b"{\"causes\":1}")]);
    assert_eq!(
        super::super::read_answer(folder.path(), &Limits::default())
            .unwrap_err()
            .fault(),
        Fault::Type
    );
}

/// A table that is passed over in silence is a gap that nobody knows of.
#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_in_a_build_without_it_says_how_to_get_it() {
    let table = b"PAR1 whatever PAR1";
    refused(
        &[("metrics/rows.parquet", table)],
        "Unsupported metrics/rows.parquet",
        "a Parquet table, which this build cannot read",
    );
    let error = opened(&[("metrics/rows.parquet", table)]).unwrap_err();
    let remedy = &error.problem().remedy;
    assert!(
        remedy.contains("--features parquet") && remedy.contains("CSV"),
        "{remedy}"
    );
    // What is not read at all may be of any format.
    assert!(opened(&[("knowledge/rows.parquet", table)]).is_ok());
}
