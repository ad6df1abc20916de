//! What a check finds.

use super::super::{Grade, Limits, check, show};
use super::{case, lay};

#[test]
fn findings_name_file_line_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    lay(
        folder.path(),
        &[
            ("alarms.json", br#"[{"id":"a","rule":"r","entity":"service/cart","fired_at":"2026-01-01T13:00:00Z"}]"#),
            ("metrics/m.csv", b"time,entity,metric,unit,value\n1767265200,a,m,ms,1\n1767265260,a,m,ms,nan\n1767265320,a,m,ms,1\n1767265380,a,m,ms,1\n1767267000,a,m,ms,1\n1767265200,b,m,s,1\n1867265200,b,m,s,1\n"),
            ("logs/l.ndjson", b"{\"time\":\"2026-01-01 11:00:00\",\"entity\":\"a\",\"body\":\"postgres://u:hunter2@db/x\"}\n{\"time\":\"2026-01-01T11:10:00Z\",\"entity\":\"a\",\"body\":\"ok\"}\n{\"time\":\"2026-01-01T11:05:00Z\",\"entity\":\"a\",\"body\":\"ok\"}\n"),
            ("notes.bin", b"\x00\x01"),
        ],
    );
    let report = check(folder.path(), &Limits::default());
    let lines: Vec<String> = report
        .findings
        .iter()
        .map(|f| {
            format!(
                "{:?} {} {}:{} {}",
                f.grade,
                f.about,
                f.file,
                f.line.unwrap_or(0),
                f.found
            )
        })
        .collect();
    let expected = [
        "Error clock alarms.json:1 alarm a fired at 2026-01-01T13:00:00Z, after `now` (2026-01-01T12:00:00Z)",
        "Error secret logs/l.ndjson:1 password in a URL: post…(",
        "Warning clock :0 1 rows are later than `now`",
        "Warning clock logs/l.ndjson:0 times without a zone",
        "Warning coverage :0 no metric point lies before the window",
        "Warning topology :0 no edges",
        "Warning unit :0 metric m comes in the units ms, s",
        "Note clock logs/l.ndjson:3 1 rows are more than a second before",
        "Note coverage :0 1 entities have no metrics, logs or spans: service/cart",
        "Note file notes.bin:0 passed over",
        "Note gap :0 series a:m has nothing for 27 min after 2026-01-01T11:03:00Z",
        "Note number :0 1 metric points are NaN",
    ];
    for line in expected {
        assert!(
            lines.iter().any(|known| known.starts_with(line)),
            "{line}\n{lines:#?}"
        );
    }
    assert!(!report.sound);
    assert!(lines.iter().all(|line| !line.contains("hunter2")));
    assert!(serde_json::to_string(&report).is_ok());
}

#[test]
fn a_good_recording_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("r");
    super::super::write(&case(), &to).unwrap();
    let report = check(&to, &Limits::default());
    assert!(report.sound, "{:#?}", report.findings);
    assert_eq!(report.coverage["logs"].rows, 1);
    let broken = check(folder.path(), &Limits::default());
    assert_eq!(broken.findings[0].grade, Grade::Error);
    let summary = show(&to, &Limits::default()).unwrap();
    assert_eq!(
        (summary.series, summary.edges, summary.answered),
        (3, 1, true)
    );
    assert_eq!(summary.metrics.unwrap().rows, 7);
    assert_eq!(summary.logs.unwrap().rows, 1);
    assert_eq!(summary.changes.unwrap()[0].title, "shop 2");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for i in 0..12 {
        let rows: String = (0..50)
            .map(|n| {
                format!(
                    "{},e{},m,{}\n",
                    1_767_265_200 + n * 7 % 50,
                    (n + i) % 5,
                    n * i
                )
            })
            .collect();
        let table = format!("time,entity,metric,value\n{rows}");
        files.push((format!("metrics/{i}.csv"), table.into_bytes()));
        let line = format!(
            "{{\"time\":176726520{},\"service\":\"s{i}\",\"body\":\"x\"}}\n",
            i % 10
        );
        files.push((format!("logs/{i}.ndjson"), line.into_bytes()));
    }
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(n, b)| (n.as_str(), b.as_slice()))
        .collect();
    lay(folder.path(), &files);
    let seen = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let open = super::super::open(folder.path(), &Limits::default()).unwrap();
            let series = format!("{:?}", open.known_series());
            let report = check(folder.path(), &Limits::default());
            let logs = super::logs_of(&open);
            (series, serde_json::to_string(&report).unwrap(), logs)
        })
    };
    let one = seen(1);
    assert_eq!(one, seen(2));
    assert_eq!(one, seen(8));
}
