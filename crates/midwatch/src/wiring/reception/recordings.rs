//! Recordings that people send to a server that runs: kept as they came, checked once, investigated one at a time.
//!
//! In the folder `sent` of the data folder lie, for each name, the archive (`NAME.tar.zst`), what is known of it
//! (`NAME.json`) and, once it was investigated, the report (`NAME.report.json`). Each file is written whole beside and
//! then renamed.

mod jobs;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connectors::files;
use model::incident::IncidentId;
use model::ports::Clock as _;
use model::report::{BudgetLimit, Report};
use server::api::house::Fault;
use server::api::recordings::{Archive, Going, Job, Kept, Refused, Subject, is_name};
use store::archive::{self, ArchiveError, Limits};

use jobs::{Jobs, Work};

use crate::wiring::live::SystemClock;

/// Bytes of one archive.
const LONGEST: u64 = 512 << 20;
/// Bytes of all archives together.
const ROOM: u64 = 8 << 30;
/// Recordings that are kept.
const MOST: usize = 200;
/// What may come out of one.
const UNPACKED: Limits = Limits {
    entries: 20_000,
    bytes: 4 << 30,
    ratio: 500,
    depth: 16,
};
/// Investigations that are remembered, with their reports.
const REMEMBERED: usize = 16;
/// Bytes that are copied at once.
const PIECE: usize = 64 << 10;

/// Where an incident's newest recording lies, and its report.
pub type OfIncident<'a> = &'a dyn Fn(&IncidentId) -> Result<Option<PathBuf>, Fault>;

/// What is kept in one folder.
pub struct Sent {
    folder: PathBuf,
    budget: BudgetLimit,
    /// One is taken at a time: it is unpacked to be checked.
    taking: Mutex<()>,
    jobs: Arc<Mutex<Jobs>>,
    /// By name, with the digest of the archive that it is of.
    reports: Mutex<BTreeMap<String, Arc<Report>>>,
}

fn held<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is replaced as a whole, so whoever panicked left nothing half done.
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(what: &Path, error: &dyn std::fmt::Display) -> Fault {
    Fault::Failed(format!("{}: {error}", what.display()))
}

impl Sent {
    /// In this folder, which is made when the first one comes.
    pub fn new(folder: PathBuf, budget: BudgetLimit) -> Self {
        Self {
            folder,
            budget,
            taking: Mutex::default(),
            jobs: Arc::default(),
            reports: Mutex::default(),
        }
    }

    fn file(&self, name: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{name}{ending}"))
    }

    /// All that are kept, by name.
    pub fn list(&self) -> Result<Vec<Kept>, Fault> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&self.folder, &error)),
        };
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter_map(|file| file.strip_suffix(".tar.zst").map(str::to_string))
            .filter(|name| is_name(name))
            .collect();
        names.sort();
        let mut kept = Vec::new();
        for name in names {
            kept.extend(self.find(&name)?);
        }
        Ok(kept)
    }

    /// One of them.
    pub fn find(&self, name: &str) -> Result<Option<Kept>, Fault> {
        if !is_name(name) || !self.file(name, ".tar.zst").is_file() {
            return Ok(None);
        }
        read_json(&self.file(name, ".json"))
    }

    /// Takes one as it comes.
    pub fn take(&self, name: &str, by: &str, bytes: &mut dyn Read) -> Result<Kept, Refused> {
        let Ok(_turn) = self.taking.try_lock() else {
            return Err(Refused::Fault(Fault::Busy));
        };
        let io = |error: std::io::Error| Refused::Fault(failed(&self.folder, &error));
        let known = self.list().map_err(Refused::Fault)?;
        let stands = known.iter().find(|kept| kept.name == name);
        let room = ROOM.saturating_sub(known.iter().map(|kept| kept.bytes).sum());
        if stands.is_none() && (known.len() >= MOST || room == 0) {
            return Err(Refused::TooLarge(format!(
                "{} recordings of {} bytes are kept; remove some first",
                known.len(),
                ROOM - room
            )));
        }
        std::fs::create_dir_all(&self.folder).map_err(io)?;
        let mut beside = tempfile::Builder::new()
            .prefix(".coming-")
            .tempfile_in(&self.folder)
            .map_err(io)?;
        let (length, digest) = copied(bytes, beside.as_file_mut(), LONGEST.min(room))?;
        if let Some(stands) = stands {
            // Sent a second time, it is there already; another under its name would be taken for it.
            return if stands.digest == digest {
                Ok(stands.clone())
            } else {
                Err(Refused::Conflict(format!(
                    "another recording is called {name:?}; remove it first, or choose another name"
                )))
            };
        }
        let unpacked = archive::unpack(beside.path(), &UNPACKED).map_err(|error| match error {
            ArchiveError::Io { .. } => Refused::Fault(Fault::Failed(error.to_string())),
            ArchiveError::TooLarge { found, .. } => Refused::TooLarge(found),
            ArchiveError::Damaged { found, .. } => {
                Refused::NotARecording(format!("it is no whole .tar.zst: {found}"))
            }
            ArchiveError::Hostile { entry, found, .. } => {
                Refused::NotARecording(format!("its entry {entry:?} {found}"))
            }
            ArchiveError::Exists { .. } => Refused::Conflict("it is being taken already".into()),
        })?;
        let root = archive::root(unpacked.path());
        let limits = files::Limits::default();
        let holds = files::show(&root, &limits).map_err(|error| {
            let problem = error.problem();
            Refused::NotARecording(format!(
                "{}: {}; expected {}",
                problem.file, problem.found, problem.expected
            ))
        })?;
        let check = files::check(&root, &limits);
        let json = |value: Result<serde_json::Value, serde_json::Error>| {
            value.map_err(|error| Refused::Fault(Fault::Failed(error.to_string())))
        };
        let kept = Kept {
            name: name.to_string(),
            at: SystemClock.now(),
            by: by.to_string(),
            bytes: length,
            digest,
            title: holds.manifest.title.clone(),
            sound: check.sound,
            holds: json(serde_json::to_value(&holds))?,
            check: json(serde_json::to_value(&check))?,
        };
        beside.as_file().sync_all().map_err(io)?;
        // What is known of it first: an archive without that is not there.
        write_json(&self.file(name, ".json"), &kept).map_err(Refused::Fault)?;
        beside
            .persist(self.file(name, ".tar.zst"))
            .map_err(|error| io(error.error))?;
        Ok(kept)
    }

    /// Removes one.
    pub fn remove(&self, name: &str) -> Result<(), Refused> {
        let Ok(_turn) = self.taking.try_lock() else {
            return Err(Refused::Fault(Fault::Busy));
        };
        if self.find(name).map_err(Refused::Fault)?.is_none() {
            return Err(Refused::Unknown);
        }
        let subject = Subject::Recording(name.to_string());
        let at_it = |job: &Job| job.going == Going::Running && job.subject == subject;
        if held(&self.jobs).all.iter().any(|(job, _)| at_it(job)) {
            return Err(Refused::Conflict("it is being investigated".to_string()));
        }
        for ending in [".tar.zst", ".report.json", ".json"] {
            let file = self.file(name, ending);
            match std::fs::remove_file(&file) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Refused::Fault(failed(&file, &error))),
            }
        }
        held(&self.reports).remove(name);
        Ok(())
    }

    /// The bytes of one, or of what was taken down for an incident.
    pub fn archive(
        &self,
        of: &Subject,
        of_incident: OfIncident<'_>,
    ) -> Result<Option<Archive>, Fault> {
        match of {
            Subject::Recording(name) => {
                if self.find(name)?.is_none() {
                    return Ok(None);
                }
                opened(&self.file(name, ".tar.zst"))
            }
            Subject::Incident(id) => {
                let Some(folder) = of_incident(id)? else {
                    return Ok(None);
                };
                let temporary = tempfile::tempdir().map_err(|error| failed(&folder, &error))?;
                let packed = temporary.path().join("recording.tar.zst");
                archive::pack(&folder, &packed).map_err(|error| failed(&folder, &error))?;
                // The file is read on after its folder is gone: its name is not needed any more.
                opened(&packed)
            }
        }
    }

    /// Begins to investigate, in a thread of its own.
    pub fn begin(
        &self,
        of: &Subject,
        by: &str,
        of_incident: OfIncident<'_>,
    ) -> Result<Job, Refused> {
        let place = match of {
            Subject::Recording(name) => {
                let kept = self.find(name).map_err(Refused::Fault)?;
                kept.ok_or(Refused::Unknown)?;
                self.file(name, ".tar.zst")
            }
            Subject::Incident(id) => of_incident(id).map_err(Refused::Fault)?.ok_or_else(|| {
                Refused::Conflict(
                    "what was taken down for its newest report is not here any more".to_string(),
                )
            })?,
        };
        let job = {
            let mut jobs = held(&self.jobs);
            if let Some((at_it, _)) = jobs.all.iter().find(|(job, _)| job.going == Going::Running) {
                return Err(Refused::Conflict(format!(
                    "investigation {} is under way; there is one at a time",
                    at_it.number
                )));
            }
            jobs.begun += 1;
            let job = Job {
                number: jobs.begun,
                subject: of.clone(),
                by: by.to_string(),
                started: SystemClock.now(),
                ended: None,
                going: Going::Running,
                step: "opening the recording".to_string(),
                steps: 0,
                status: None,
                why: None,
            };
            let much = (jobs.all.len() + 1).saturating_sub(REMEMBERED);
            jobs.all.drain(..much);
            jobs.all.push_back((job.clone(), None));
            job
        };
        let told = match of {
            Subject::Recording(name) => Some(self.file(name, ".report.json")),
            Subject::Incident(_) => None,
        };
        let work = Work {
            jobs: Arc::clone(&self.jobs),
            number: job.number,
            place,
            told,
            budget: self.budget,
        };
        std::thread::spawn(move || work.done());
        Ok(job)
    }

    /// Investigations that were asked for, newest first.
    pub fn jobs(&self) -> Vec<Job> {
        let jobs = held(&self.jobs);
        jobs.all.iter().rev().map(|(job, _)| job.clone()).collect()
    }

    /// The report that one of them ended with.
    pub fn job_report(&self, number: u64) -> Option<Arc<Report>> {
        let jobs = held(&self.jobs);
        let found = jobs.all.iter().find(|(job, _)| job.number == number);
        found.and_then(|(_, report)| report.clone())
    }

    /// Is there a report of that recording?
    pub fn is_investigated(&self, name: &str) -> bool {
        is_name(name) && self.file(name, ".report.json").is_file()
    }

    /// The report of a recording's newest investigation.
    pub fn report(&self, name: &str) -> Result<Option<Arc<Report>>, Fault> {
        if self.find(name)?.is_none() {
            return Ok(None);
        }
        let file = self.file(name, ".report.json");
        if !file.exists() {
            return Ok(None);
        }
        let newest = held(&self.jobs)
            .all
            .iter()
            .rev()
            .find(|(job, report)| {
                report.is_some() && job.subject == Subject::Recording(name.to_string())
            })
            .and_then(|(_, report)| report.clone());
        if newest.is_some() {
            return Ok(newest);
        }
        if let Some(known) = held(&self.reports).get(name) {
            return Ok(Some(Arc::clone(known)));
        }
        let report: Option<Report> = read_json(&file)?;
        let report = report.map(Arc::new);
        if let Some(report) = &report {
            let mut known = held(&self.reports);
            while known.len() >= REMEMBERED && known.pop_first().is_some() {}
            known.insert(name.to_string(), Arc::clone(report));
        }
        Ok(report)
    }
}

/// Copies, and tells how many bytes there were and their digest.
fn copied(from: &mut dyn Read, to: &mut File, most: u64) -> Result<(u64, String), Refused> {
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE];
    let mut length = 0;
    loop {
        let count = from
            .read(&mut piece)
            .map_err(|error| Refused::NotARecording(format!("it did not come whole: {error}")))?;
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else {
            return Ok((length, hasher.finalize().to_hex().to_string()));
        };
        length += count as u64;
        if length > most {
            return Err(Refused::TooLarge(format!(
                "there is room for {most} bytes, packed"
            )));
        }
        hasher.update(read);
        to.write_all(read)
            .map_err(|error| Refused::Fault(Fault::Failed(error.to_string())))?;
    }
}

fn opened(file: &Path) -> Result<Option<Archive>, Fault> {
    let open = match File::open(file) {
        Ok(open) => open,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(file, &error)),
    };
    let length = open.metadata().map_err(|error| failed(file, &error))?.len();
    Ok(Some(Archive {
        length,
        bytes: Box::new(open),
    }))
}

fn read_json<T: serde::de::DeserializeOwned>(file: &Path) -> Result<Option<T>, Fault> {
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| failed(file, &error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(file, &error)),
    }
}

fn write_json<T: serde::Serialize>(file: &Path, value: &T) -> Result<(), Fault> {
    let parent = file.parent().unwrap_or_else(|| Path::new("."));
    let attempt = || -> std::io::Result<()> {
        let mut beside = tempfile::Builder::new()
            .prefix(".coming-")
            .tempfile_in(parent)?;
        serde_json::to_writer(std::io::BufWriter::new(beside.as_file_mut()), value)?;
        beside.as_file().sync_all()?;
        beside.persist(file)?;
        Ok(())
    };
    attempt().map_err(|error| failed(file, &error))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const DEMO: &[u8] = include_bytes!("../../../../../recordings/demo.tar.zst");

    fn sent(folder: &Path) -> Sent {
        Sent::new(folder.join("sent"), investigate::DEFAULT_BUDGET)
    }

    fn ended(sent: &Sent, number: u64) -> Job {
        let begun = Instant::now();
        loop {
            let job = sent
                .jobs()
                .into_iter()
                .find(|job| job.number == number)
                .unwrap();
            if job.going != Going::Running {
                return job;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "{job:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn what_is_sent_is_kept_investigated_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let sent = sent(folder.path());
        assert!(sent.list().unwrap().is_empty());
        let kept = sent.take("demo", "ada", &mut &DEMO[..]).unwrap();
        assert_eq!((kept.bytes, kept.by.as_str()), (DEMO.len() as u64, "ada"));
        assert_eq!(kept.holds["manifest"]["title"], kept.title.as_str());
        // The same once more is the same; another under that name is refused.
        assert_eq!(sent.take("demo", "bob", &mut &DEMO[..]).unwrap(), kept);
        let other = sent.take("demo", "bob", &mut &b"other"[..]);
        assert!(matches!(other, Err(Refused::Conflict(_))), "{other:?}");

        let mut bytes = Vec::new();
        let subject = Subject::Recording("demo".to_string());
        let none = |_: &IncidentId| Ok(None);
        let archive = sent.archive(&subject, &none).unwrap().unwrap();
        assert_eq!(archive.length, DEMO.len() as u64);
        let mut reader = archive.bytes;
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, DEMO);

        let job = sent.begin(&subject, "ada", &none).unwrap();
        assert!(matches!(
            sent.begin(&subject, "ada", &none),
            Err(Refused::Conflict(_))
        ));
        let job = ended(&sent, job.number);
        assert_eq!((job.going, &job.why), (Going::Done, &None));
        assert!(job.steps > 3 && job.status.is_some(), "{job:?}");
        let report = sent.report("demo").unwrap().unwrap();
        assert_eq!(Some(report.header.status), job.status);
        // Another program finds it as well.
        let again = super::tests::sent(folder.path());
        assert_eq!(again.report("demo").unwrap().unwrap().ledger, report.ledger);

        sent.remove("demo").unwrap();
        assert!(sent.list().unwrap().is_empty() && sent.report("demo").unwrap().is_none());
        assert_eq!(sent.remove("demo"), Err(Refused::Unknown));
        assert!(sent.begin(&subject, "ada", &none).is_err());
    }

    #[test]
    fn what_is_no_recording_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let sent = sent(folder.path());
        let tar = |entries: &[(&str, &[u8])]| -> Vec<u8> {
            let root = tempfile::tempdir().unwrap();
            for (name, text) in entries {
                std::fs::write(root.path().join(name), text).unwrap();
            }
            let packed = root.path().join("packed.tar.zst");
            archive::pack(root.path(), &packed).unwrap();
            std::fs::read(packed).unwrap()
        };
        let bomb = zstd::encode_all(std::io::repeat(0).take(256 << 20), 1).unwrap();
        for bad in [
            b"".to_vec(),
            b"not an archive".to_vec(),
            DEMO[..DEMO.len() / 2].to_vec(),
            tar(&[("notes.txt", b"hello")]),
            tar(&[("recording.json", b"{\"schema\":\"midwatch.recording/9\"}")]),
            bomb,
        ] {
            let taken = sent.take("bad", "eve", &mut bad.as_slice());
            assert!(
                matches!(taken, Err(Refused::NotARecording(_) | Refused::TooLarge(_))),
                "{taken:?}"
            );
        }
        let left: Vec<_> = std::fs::read_dir(folder.path().join("sent"))
            .unwrap()
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
