//! What the runs of the shop kept: a folder for each, with the report as it counted and the recording it was made from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::fault::Fault;
use super::series::seconds;
use crate::house::root;

/// The row of a run beside what it kept: when the shop was broken, and which alerts fired.
pub const ROW: &str = "run.json";
/// Runs that kept no row find theirs in `docs/bench/shop.json`, if that was written so many seconds around the first page.
const NEAR: f64 = 120.0;

/// What a run kept of one fault.
pub struct Kept {
    pub fault: Fault,
    /// The folder's name: the fault and the number of the run.
    pub name: String,
    /// The first incident, which counts.
    pub incident: String,
    pub recording: PathBuf,
    pub report: Value,
    /// When the shop was broken, in seconds since the epoch, if the run kept it.
    pub struck: Option<f64>,
    /// The tickets of Prometheus, if they are known.
    pub tickets: Option<Vec<String>>,
}

/// All that a folder holds of these faults, by fault and number of the run.
///
/// # Errors
/// If it is not there, holds none, or lacks part of one.
pub fn of(folder: &Path, faults: &[Fault]) -> anyhow::Result<Vec<Kept>> {
    const HINT: &str = "`cargo xtask shop run --keep DIR` keeps DIR/FAULT-N/INCIDENT.tar.zst with INCIDENT.report.json";
    ensure!(
        folder.is_dir(),
        "no such folder: {}; {HINT}",
        folder.display()
    );
    let written = root().join("docs/bench/shop.json");
    let written: Value = fs::read_to_string(&written)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let mut found: Vec<(usize, Kept)> = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let parts = name.rsplit_once('-').and_then(|(fault, number)| {
            let fault = faults.iter().find(|known| known.name == fault)?;
            Some((fault, number.parse().ok()?))
        });
        let Some((fault, number)) = parts else {
            continue;
        };
        if let Some(recording) = first_recording(&entry.path())? {
            found.push((number, one(fault, name, recording, &written)?));
        }
    }
    ensure!(
        !found.is_empty(),
        "{} holds no recording of a fault; {HINT}",
        folder.display()
    );
    found.sort_by(|(a, one), (b, other)| (&one.fault.name, a).cmp(&(&other.fault.name, b)));
    Ok(found.into_iter().map(|(_, kept)| kept).collect())
}

/// One run, with the row that was written of it.
fn one(fault: &Fault, name: String, recording: PathBuf, written: &Value) -> anyhow::Result<Kept> {
    let file = recording.file_name().unwrap_or_default().to_string_lossy();
    let incident = file.trim_end_matches(".tar.zst").to_string();
    let beside = recording.with_file_name(format!("{incident}.report.json"));
    ensure!(
        beside.exists(),
        "{} has no report beside it: {} is missing, and without it nobody knows what Midwatch said",
        recording.display(),
        beside.display()
    );
    let report = read(&beside)?;
    let row = recording.with_file_name(ROW);
    let row = match row.exists() {
        true => Some(read(&row)?),
        false => near(&fault.name, &report, written),
    };
    let row = row.unwrap_or_default();
    let tickets = row["tickets"].as_array().map(|list| {
        list.iter()
            .filter_map(|one| Some(one.as_str()?.to_string()))
            .collect()
    });
    Ok(Kept {
        fault: fault.clone(),
        name,
        incident,
        recording,
        struck: row["struck_at"].as_str().and_then(seconds),
        tickets,
        report,
    })
}

/// The row of that fault that was written when this report was new.
fn near(fault: &str, report: &Value, written: &Value) -> Option<Value> {
    let looked = report["header"]["looked_at"].as_str().and_then(seconds)?;
    let rows = written["runs"].as_array()?.iter();
    let mut rows = rows.filter(|row| row["fault"].as_str() == Some(fault));
    let close = |row: &&Value| {
        let at = row["at"].as_str().and_then(seconds);
        at.is_some_and(|at| (at - looked).abs() < NEAR)
    };
    rows.find(close).cloned()
}

/// The first incident of a run counts, as it does for Midwatch; names of incidents begin with the moment.
fn first_recording(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let files = entries.flatten().map(|entry| entry.path());
    Ok(files
        .filter(|file| file.to_string_lossy().ends_with(".tar.zst"))
        .min())
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
}

#[cfg(test)]
mod tests {
    use super::{near, of};
    use crate::shop::fault::Fault;
    use serde_json::{Value, json};
    use std::fs;
    use std::path::{Path, PathBuf};

    /// A folder with these files, of which each has this text; it goes with the value.
    struct Folder(PathBuf);

    impl Folder {
        fn with(name: &str, files: &[(&str, &str)]) -> Self {
            let folder = std::env::temp_dir();
            let folder = folder.join(format!("midwatch-kept-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            for (file, text) in files {
                let file = folder.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// What is found, or what is said instead, without the folder's own name.
    fn said(folder: &Path) -> String {
        match of(folder, &Fault::all().unwrap()) {
            Ok(found) => found
                .iter()
                .map(|kept| {
                    format!(
                        "{} {} struck {:?} tickets {:?}\n",
                        kept.name, kept.incident, kept.struck, kept.tickets
                    )
                })
                .collect(),
            Err(error) => format!("{error:#}").replace(&folder.display().to_string(), "DIR"),
        }
    }

    #[test]
    fn the_first_incident_of_each_run_counts() {
        let row = r#"{"struck_at": "1970-01-01T00:00:09Z", "tickets": ["RedisEvicts(redis)"]}"#;
        let folder = Folder::with(
            "runs",
            &[
                ("dns-10/inc-3.tar.zst", ""),
                ("dns-10/inc-3.report.json", "{}"),
                ("dns-2/inc-2.tar.zst", ""),
                ("dns-2/inc-1.tar.zst", ""),
                ("dns-2/inc-1.report.json", "{}"),
                ("dns-3/nothing", ""),
                ("clock-0/inc-9.tar.zst", ""),
                ("clock-0/inc-9.report.json", "{}"),
                ("clock-0/run.json", row),
                ("something-0/inc-1.tar.zst", ""),
            ],
        );
        assert_eq!(
            said(&folder.0),
            "clock-0 inc-9 struck Some(9.0) tickets Some([\"RedisEvicts(redis)\"])\n\
             dns-2 inc-1 struck None tickets None\n\
             dns-10 inc-3 struck None tickets None\n"
        );
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        let hint = "`cargo xtask shop run --keep DIR` keeps DIR/FAULT-N/INCIDENT.tar.zst with INCIDENT.report.json";
        assert_eq!(
            said(Path::new("/no/such/folder")),
            format!("no such folder: DIR; {hint}")
        );
        let folder = Folder::with("none", &[("notes.txt", ""), ("dns-0/nothing", "")]);
        assert_eq!(
            said(&folder.0),
            format!("DIR holds no recording of a fault; {hint}")
        );
        let folder = Folder::with("half", &[("dns-0/inc-1.tar.zst", "")]);
        assert_eq!(
            said(&folder.0),
            "DIR/dns-0/inc-1.tar.zst has no report beside it: DIR/dns-0/inc-1.report.json is missing, \
             and without it nobody knows what Midwatch said"
        );
        let folder = Folder::with(
            "torn",
            &[
                ("dns-0/inc-1.tar.zst", ""),
                ("dns-0/inc-1.report.json", "{"),
            ],
        );
        assert!(said(&folder.0).starts_with("DIR/dns-0/inc-1.report.json is no JSON: "));
    }

    #[test]
    fn a_row_is_that_of_a_run_if_it_was_written_about_then() {
        let report = json!({"header": {"looked_at": "2026-01-01T10:00:00.5Z"}});
        let row = |fault: &str, at: &str| json!({"fault": fault, "at": at, "tickets": []});
        let of = |rows: Value| near("dns", &report, &json!({"runs": rows}));
        let right = row("dns", "2026-01-01T10:01:30Z");
        assert_eq!(of(json!([right])), Some(right.clone()));
        assert_eq!(of(json!([row("dns", "2026-01-01T11:00:00Z")])), None);
        assert_eq!(of(json!([row("clock", "2026-01-01T10:00:00Z")])), None);
        assert_eq!(of(Value::Null), None);
    }
}
