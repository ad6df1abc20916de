//! What the control plane remembers: the regions, the audit log, and what became of every request.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::mutation::{Impossible, Mutation};
use crate::clock::{rfc3339, true_ms};
use crate::config::{RegionConfig, first};
use crate::deployment::{read_json, write_json};
use crate::failure::Failure;
use crate::names::{ACCOUNT, REGIONS};

/// Requests whose outcome is remembered; the oldest are forgotten first.
const REMEMBERED: usize = 10_000;

/// All of it, as it stands in `control.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Pages {
    regions: BTreeMap<String, RegionConfig>,
    records: Vec<Record>,
    operations: BTreeMap<String, Operation>,
}

/// One record of the audit log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// In the shape of a CloudTrail record.
    pub event: Value,
    /// What would put back what stood before.
    pub undo: Option<Mutation>,
    /// The event that did, if one did.
    pub undone_by: Option<String>,
}

/// What became of one request that carried an idempotency key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Order in which they came.
    pub number: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Method, path and body: the same key may not stand for something else.
    pub request: String,
    /// HTTP status that was answered.
    pub status: u16,
    /// Body that was answered.
    pub answer: Value,
}

/// Who asks for a change.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The user's name.
    pub name: String,
    /// The program.
    pub agent: String,
}

/// The book of one control plane, on disk after every change.
pub struct Book {
    path: PathBuf,
    pages: Pages,
}

impl Book {
    /// Opens it, or begins one.
    pub fn open(path: PathBuf) -> Result<Self, Failure> {
        let pages = if path.exists() {
            read_json(&path)?
        } else {
            let now = rfc3339(true_ms());
            Pages {
                regions: REGIONS
                    .iter()
                    .map(|region| ((*region).to_owned(), first(region, &now)))
                    .collect(),
                records: Vec::new(),
                operations: BTreeMap::new(),
            }
        };
        Ok(Self { path, pages })
    }

    /// The regions.
    pub fn regions(&self) -> &BTreeMap<String, RegionConfig> {
        &self.pages.regions
    }

    /// The audit log, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.pages.records
    }

    /// What became of a request.
    pub fn operation(&self, key: &str) -> Option<&Operation> {
        self.pages.operations.get(key)
    }

    /// Alters a region without a word in the audit log: what happens by itself, not by anybody's hand.
    pub fn alter(
        &mut self,
        region: &str,
        with: impl FnOnce(&mut RegionConfig),
    ) -> Result<(), Failure> {
        let next = self.next_generation();
        if let Some(config) = self.pages.regions.get_mut(region) {
            with(config);
            config.generation = next;
        }
        self.save()
    }

    /// Makes a change and records it. `also` does what belongs to the change and is not in it, such as
    /// issuing a certificate. Answers the event's id.
    pub fn change(
        &mut self,
        mutation: &Mutation,
        actor: &Actor,
        also: impl FnOnce(&mut RegionConfig) -> Result<(), Failure>,
    ) -> Result<String, Refused> {
        let now = rfc3339(true_ms());
        let next = self.next_generation();
        let config = self
            .pages
            .regions
            .get_mut(&mutation.region)
            .ok_or_else(|| {
                Impossible::NoSuch(format!(
                    "region {} does not exist; known: {}",
                    mutation.region,
                    REGIONS.join(", ")
                ))
            })?;
        // On a copy, so that half a change never stands.
        let mut altered = config.clone();
        let undo = mutation.apply(&mut altered, &now)?;
        also(&mut altered)?;
        altered.generation = next;
        *config = altered;
        let id = crate::chance::uuid();
        let event = event(&id, &now, mutation, undo.as_ref(), actor);
        self.pages.records.push(Record {
            event,
            undo,
            undone_by: None,
        });
        self.save()?;
        Ok(id)
    }

    /// The change that undoes an event.
    pub fn undo_of(&self, id: &str) -> Result<Mutation, Refused> {
        let record = self
            .pages
            .records
            .iter()
            .find(|record| record.event["eventID"] == id)
            .ok_or_else(|| Impossible::NoSuch(format!("event {id} is not in the audit log")))?;
        if let Some(by) = &record.undone_by {
            return Err(Refused::AlreadyUndone(by.clone()));
        }
        record.undo.clone().ok_or_else(|| {
            Refused::Impossible(Impossible::Invalid(format!(
                "event {id} ({}) left nothing that could be put back",
                record.event["eventName"].as_str().unwrap_or("?")
            )))
        })
    }

    /// Notes that an event was undone by another.
    pub fn undone(&mut self, id: &str, by: &str) -> Result<(), Failure> {
        for record in &mut self.pages.records {
            if record.event["eventID"] == id {
                record.undone_by = Some(by.to_owned());
            }
        }
        self.save()
    }

    /// Remembers what was answered.
    pub fn remember(
        &mut self,
        key: &str,
        request: String,
        status: u16,
        answer: Value,
    ) -> Result<(), Failure> {
        let number = self
            .pages
            .operations
            .values()
            .map(|operation| operation.number)
            .max()
            .map_or(0, |highest| highest + 1);
        self.pages.operations.insert(
            key.to_owned(),
            Operation {
                number,
                at: rfc3339(true_ms()),
                request,
                status,
                answer,
            },
        );
        if self.pages.operations.len() > REMEMBERED
            && let Some(oldest) = self
                .pages
                .operations
                .iter()
                .min_by_key(|(_, operation)| operation.number)
                .map(|(key, _)| key.clone())
        {
            self.pages.operations.remove(&oldest);
        }
        self.save()
    }

    fn next_generation(&self) -> u64 {
        self.pages
            .regions
            .values()
            .map(|config| config.generation)
            .max()
            .map_or(1, |highest| highest + 1)
    }

    fn save(&self) -> Result<(), Failure> {
        write_json(&self.path, &self.pages)
    }
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It cannot be.
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// It was undone before, by this event.
    #[error("already put back by event {0}")]
    AlreadyUndone(String),
    /// The book cannot be written.
    #[error(transparent)]
    Failed(#[from] Failure),
}

fn event(
    id: &str,
    now: &str,
    mutation: &Mutation,
    undo: Option<&Mutation>,
    actor: &Actor,
) -> Value {
    let form = mutation.audit_form();
    let kind = match form.entity.kind {
        crate::names::Kind::Function => "AWS::Lambda::Function",
        crate::names::Kind::Table => "AWS::DynamoDB::Table",
        crate::names::Kind::Certificate => "AWS::CertificateManager::Certificate",
        crate::names::Kind::Host => "AWS::EC2::Instance",
        _ => "AWS::ApiGateway::Stage",
    };
    json!({
        "eventVersion": "1.11",
        "eventID": id,
        "eventTime": now,
        "eventSource": form.source,
        "eventName": form.name,
        "eventType": "AwsApiCall",
        "eventCategory": "Management",
        "managementEvent": true,
        "readOnly": false,
        "awsRegion": mutation.region,
        "recipientAccountId": ACCOUNT,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": actor.agent,
        "userIdentity": {
            "type": "IAMUser",
            "userName": actor.name,
            "accountId": ACCOUNT,
            "arn": format!("arn:aws:iam::{ACCOUNT}:user/{}", actor.name),
        },
        "requestParameters": form.parameters,
        "responseElements": {"status": "accepted"},
        "resources": [{"type": kind, "ARN": form.entity.arn(), "accountId": ACCOUNT, "entity": form.entity.to_string()}],
        "additionalEventData": {
            "before": undo.map(|undo| undo.audit_form().parameters),
            "after": form.parameters,
            "revertible": undo.is_some(),
        },
    })
}
