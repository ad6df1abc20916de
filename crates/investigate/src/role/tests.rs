//! Names as they are met, and what they mean.

use super::*;

#[test]
fn names_tell_what_is_measured() {
    let table = include_str!("names.txt");
    let rows = table
        .lines()
        .filter(|row| !row.is_empty() && !row.starts_with("# "));
    let mut wrong = Vec::new();
    for row in rows {
        let (series, expected) = row.trim().rsplit_once(' ').expect("row");
        let mut parts = series.split('|');
        let (metric, statistic) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let got = classify(metric, statistic, parts.next().unwrap_or("")).word();
        if got != expected {
            wrong.push(format!("{metric}: expected {expected}, got {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn labels_tell_which_part_of_a_resource_is_meant() {
    let role = |metric: &str, label: &str, part: &str| {
        let labels = [(label.to_string(), part.to_string())].into();
        refine(classify(metric, "", ""), &labels).word()
    };
    for (metric, label, part, expected) in [
        ("node_cpu_seconds_total", "mode", "user", "cpu"),
        ("node_cpu_seconds_total", "mode", "idle", "other"),
        ("node_cpu_seconds_total", "mode", "iowait", "io_wait"),
        ("system.cpu.utilization", "state", "steal", "io_wait"),
        ("system.memory.usage", "state", "free", "memory_free"),
        (
            "namedprocess_namegroup_memory_bytes",
            "memtype",
            "resident",
            "memory",
        ),
        (
            "namedprocess_namegroup_memory_bytes",
            "memtype",
            "virtual",
            "other",
        ),
        ("system.filesystem.usage", "state", "free", "disk_free"),
        ("pg_stat_activity_count", "state", "idle", "connections"),
    ] {
        assert_eq!(role(metric, label, part), expected, "{metric} {part}");
    }
}

#[test]
fn every_word_reads_back() {
    for (role, word) in WORDS {
        assert_eq!(Role::parse(word), Some(*role));
    }
}

#[test]
fn names_split_at_humps_and_marks() {
    assert_eq!(words("FreeStorageSpace"), ["free", "storage", "space"]);
    assert_eq!(
        words("HTTPCode_Target_5XX"),
        ["http", "code", "target", "5xx"]
    );
}
