//! Recordings that people sent here, and those behind reports: the list, sending one, what it holds, investigating it,
//! and its bytes.

use std::io::Read;
use std::sync::Arc;

use model::incident::IncidentId;
use model::report::{Report, Status};
use model::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::house::{Fault, Space};
use super::incidents::{Format, Sheet, sheet};
use super::problem::{Code, Problem};
use super::route::{Asked, Download, Json, Listed, Nothing, Part, Permission, Route};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    use Permission::Respond;
    vec![
        Route::of_space(
            "/recordings",
            "listRecordings",
            "Recordings that were sent here, by name",
            list,
        ),
        Route::of_space(
            "/recordings/{recording}",
            "getRecording",
            "What one of them holds, and what its check found",
            show,
        ),
        Route::upload(
            "/recordings/{recording}",
            "putRecording",
            "Sends a recording as a .tar.zst; it is unpacked once, checked and kept as it came",
            Respond,
            put,
        ),
        Route::removal(
            "/recordings/{recording}",
            "deleteRecording",
            "Removes a recording, and the report of it",
            Respond,
            remove,
        ),
        Route::download(
            "/recordings/{recording}/archive",
            "getRecordingArchive",
            "The recording as it came, a .tar.zst",
            archive,
        ),
        Route::of_space(
            "/recordings/{recording}/report",
            "getRecordingReport",
            "The report of its newest investigation",
            report,
        ),
        Route::deed(
            "/recordings/{recording}/investigations",
            "investigateRecording",
            "Begins to investigate it; one at a time in a space",
            Respond,
            investigate,
        )
        .answering(axum::http::StatusCode::ACCEPTED),
        Route::deed(
            "/incidents/{id}/investigations",
            "investigateIncident",
            "Investigates again what was taken down for the newest report, with the rules of now; the incident stays as it is",
            Respond,
            again,
        )
        .answering(axum::http::StatusCode::ACCEPTED),
        Route::download(
            "/incidents/{id}/recording",
            "getIncidentRecording",
            "What was taken down for the newest report, a .tar.zst that can be investigated anywhere",
            of_incident,
        ),
        Route::of_space(
            "/investigations",
            "listInvestigations",
            "Investigations that were asked for since the server began, newest first",
            jobs,
        ),
        Route::of_space(
            "/investigations/{number}",
            "getInvestigation",
            "How one of them is going",
            job,
        ),
        Route::of_space(
            "/investigations/{number}/report",
            "getInvestigationReport",
            "The report that it ended with",
            job_report,
        ),
    ]
}

/// A recording that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Recording")]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// When it was sent.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Bytes, packed.
    pub bytes: u64,
    /// BLAKE3 (hex) of the archive.
    pub digest: String,
    /// Its title, as its head has it.
    pub title: String,
    /// Can it be investigated and passed on? Its check says why not.
    pub sound: bool,
    /// What `midwatch recording show --format json` tells of it.
    pub holds: Value,
    /// What `midwatch recording check --format json` tells of it.
    pub check: Value,
}

/// A recording in a line.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RecordingLine")]
struct Line {
    /// Its name.
    name: String,
    /// When it was sent.
    at: Timestamp,
    /// By whom.
    by: String,
    /// Bytes, packed.
    bytes: u64,
    /// BLAKE3 (hex) of the archive.
    digest: String,
    /// Its title, as its head has it.
    title: String,
    /// Can it be investigated and passed on?
    sound: bool,
    /// Is there a report of it?
    investigated: bool,
}

/// What is investigated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A recording that was sent here.
    Recording(String),
    /// What was taken down for an incident's newest report.
    Incident(IncidentId),
}

/// How an investigation is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Going {
    /// It is at it.
    Running,
    /// It ended with a report.
    Done,
    /// It could not be done.
    Failed,
}

/// An investigation that somebody asked for.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Investigation")]
pub struct Job {
    /// Its number, from 1.
    pub number: u64,
    /// Of what.
    pub subject: Subject,
    /// Who asked.
    pub by: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it is going.
    pub going: Going,
    /// What it is doing, or did last.
    pub step: String,
    /// How many steps it has made.
    pub steps: u32,
    /// How the report ended, when it is done.
    pub status: Option<Status>,
    /// Why it failed.
    pub why: Option<String>,
}

/// The bytes of a recording.
pub struct Archive {
    /// How many.
    pub length: u64,
    /// They themselves.
    pub bytes: Box<dyn Read + Send>,
}

/// Why something was not done with a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such one.
    Unknown,
    /// Another is called so, or another investigation is under way.
    Conflict(String),
    /// It is too large, or there is no room for more.
    TooLarge(String),
    /// It is no recording that can be opened.
    NotARecording(String),
    /// The disk or a source failed.
    Fault(Fault),
}

/// What a space keeps of recordings.
pub trait Recordings: Send + Sync {
    /// All that are kept, by name.
    fn list(&self) -> Result<Vec<Kept>, Fault>;
    /// One of them.
    fn find(&self, name: &str) -> Result<Option<Kept>, Fault>;
    /// Takes one as it comes, checks it, and keeps it.
    fn take(&self, name: &str, by: &str, bytes: &mut dyn Read) -> Result<Kept, Refused>;
    /// Removes one.
    fn remove(&self, name: &str) -> Result<(), Refused>;
    /// The bytes of one, or of what was taken down for an incident's newest report; `None` if there are none.
    fn archive(&self, of: &Subject) -> Result<Option<Archive>, Fault>;
    /// Begins to investigate.
    fn begin(&self, of: &Subject, by: &str) -> Result<Job, Refused>;
    /// Investigations that were asked for, newest first.
    fn jobs(&self) -> Vec<Job>;
    /// The report that one of them ended with.
    fn job_report(&self, number: u64) -> Option<Arc<Report>>;
    /// Is there a report of that recording?
    fn is_investigated(&self, name: &str) -> bool;
    /// The report of a recording's newest investigation.
    fn report(&self, name: &str) -> Result<Option<Arc<Report>>, Fault>;
}

/// Names that can be files everywhere: small letters, digits, `.`, `_` and `-`, at most 64, begun by one of the first
/// two.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| plain(b) || b"._-".contains(&b))
        && name.bytes().next().is_some_and(plain)
}

fn refused(name: &str, why: Refused) -> Problem {
    match why {
        Refused::Unknown => Problem::not_found("recording", name),
        Refused::Conflict(why) => Problem::new(Code::Conflict, why),
        Refused::TooLarge(why) => Problem::new(Code::TooLarge, why),
        Refused::NotARecording(why) => Problem::new(Code::NotUnderstood, why),
        Refused::Fault(fault) => fault.into(),
    }
}

fn list(space: &dyn Space, _: &Asked, part: Part) -> Result<Json<Listed<Line>>, Problem> {
    let listed = part.of(space.recordings().list()?, |kept| kept.name.clone())?;
    Ok(Json(listed.try_map(|kept| {
        Ok(Line {
            investigated: space.recordings().is_investigated(&kept.name),
            name: kept.name,
            at: kept.at,
            by: kept.by,
            bytes: kept.bytes,
            digest: kept.digest,
            title: kept.title,
            sound: kept.sound,
        })
    })?))
}

fn found(space: &dyn Space, asked: &Asked) -> Result<Kept, Problem> {
    let name = asked.param("recording");
    space
        .recordings()
        .find(name)?
        .ok_or_else(|| Problem::not_found("recording", name))
}

fn show(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<Kept>, Problem> {
    found(space, asked).map(Json)
}

fn put(space: &dyn Space, asked: &Asked, bytes: &mut dyn Read) -> Result<Json<Kept>, Problem> {
    let name = asked.param("recording");
    if !is_name(name) {
        return Err(Problem::new(
            Code::BadRequest,
            "a recording's name is at most 64 small letters, digits, `.`, `_` and `-`, and begins with a letter or digit",
        ));
    }
    let taken = space.recordings().take(name, &asked.who.name, bytes);
    taken.map(Json).map_err(|why| refused(name, why))
}

/// What was removed.
#[derive(Debug, Serialize, JsonSchema)]
struct Removed {
    /// Its name.
    removed: String,
}

fn remove(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<Removed>, Problem> {
    let name = asked.param("recording");
    space
        .recordings()
        .remove(name)
        .map_err(|why| refused(name, why))?;
    Ok(Json(Removed {
        removed: name.to_string(),
    }))
}

fn sent(found: Option<Archive>, missing: Problem, name: &str) -> Result<Download, Problem> {
    let archive = found.ok_or(missing)?;
    Ok(Download {
        media: "application/zstd",
        name: format!("{name}.tar.zst"),
        length: archive.length,
        bytes: archive.bytes,
    })
}

fn archive(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Download, Problem> {
    let kept = found(space, asked)?;
    let subject = Subject::Recording(kept.name.clone());
    let missing = Problem::not_found("recording", &kept.name);
    sent(space.recordings().archive(&subject)?, missing, &kept.name)
}

fn of_incident(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Download, Problem> {
    let folded = super::incidents::named(space, asked)?;
    let missing = Problem::new(
        Code::NotFound,
        "what was taken down for its newest report is not here any more, or there is no report yet",
    );
    let subject = Subject::Incident(folded.incident.id.clone());
    sent(
        space.recordings().archive(&subject)?,
        missing,
        &folded.incident.id.0,
    )
}

/// Which form of a report.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Form {
    /// `json`, `html` or `markdown`; without it what `Accept` weighs most.
    format: Option<Format>,
}

fn report(space: &dyn Space, asked: &Asked, form: Form) -> Result<Sheet, Problem> {
    let kept = found(space, asked)?;
    let report = space.recordings().report(&kept.name)?.ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "it was not investigated yet; POST to its investigations begins that",
        )
    })?;
    sheet(space, asked, &report, form.format)
}

fn begun(space: &dyn Space, asked: &Asked, of: &Subject, name: &str) -> Result<Json<Job>, Problem> {
    let begun = space.recordings().begin(of, &asked.who.name);
    begun.map(Json).map_err(|why| refused(name, why))
}

fn investigate(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<Job>, Problem> {
    let kept = found(space, asked)?;
    begun(
        space,
        asked,
        &Subject::Recording(kept.name.clone()),
        &kept.name,
    )
}

fn again(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<Job>, Problem> {
    let folded = super::incidents::named(space, asked)?;
    super::incidents::newest(&folded)?;
    let id = folded.incident.id.clone();
    begun(space, asked, &Subject::Incident(id.clone()), &id.0)
}

fn jobs(space: &dyn Space, _: &Asked, part: Part) -> Result<Json<Listed<Job>>, Problem> {
    let jobs = space.recordings().jobs();
    Ok(Json(part.of(jobs, |job| job.number.to_string())?))
}

fn numbered(space: &dyn Space, asked: &Asked) -> Result<Job, Problem> {
    let number = asked.param("number");
    let jobs = space.recordings().jobs();
    jobs.into_iter()
        .find(|job| job.number.to_string() == number)
        .ok_or_else(|| Problem::not_found("investigation", number))
}

fn job(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<Job>, Problem> {
    numbered(space, asked).map(Json)
}

fn job_report(space: &dyn Space, asked: &Asked, form: Form) -> Result<Sheet, Problem> {
    let job = numbered(space, asked)?;
    let report = space.recordings().job_report(job.number).ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "it has no report: it is under way still, or could not be done",
        )
    })?;
    sheet(space, asked, &report, form.format)
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_files_and_nothing_more() {
        for good in ["a", "petshop-2026.06", "0_1", &"a".repeat(64)] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".a",
            "-a",
            "a/b",
            "A",
            "a b",
            "é",
            "a\0",
            &"a".repeat(65),
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
