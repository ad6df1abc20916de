//! What AWS itself says of its services: the models of `botocore` (`data/SERVICE/VERSION/service-2.json.gz`), from which its
//! own clients are built. With them the double knows whether a request and its answer are of AWS's making; where they are
//! not installed (`MIDWATCH_AWS_MODELS`), it takes our word for both.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use flate2::read::GzDecoder;
use serde::Deserialize;

/// The folder of the models, for the tests: `…/site-packages/botocore/data`.
pub const INSTALLED: &str = "MIDWATCH_AWS_MODELS";

/// The folders whose names are not what IAM calls the service.
const FOLDERS: [(&str, &str); 4] = [
    ("elasticloadbalancing", "elbv2"),
    ("states", "stepfunctions"),
    ("tag", "resourcegroupstaggingapi"),
    ("monitoring", "cloudwatch"),
];

/// One service.
#[derive(Debug, Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    pub operations: BTreeMap<String, Operation>,
    pub shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// What its newest clients speak; and all that it understands.
    pub protocol: String,
    #[serde(default)]
    pub protocols: Vec<String>,
    pub api_version: String,
    #[serde(default)]
    pub target_prefix: String,
}

#[derive(Debug, Deserialize)]
pub struct Operation {
    pub http: Http,
    pub input: Option<Ref>,
    pub output: Option<Ref>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    pub method: String,
    /// `/functions/{FunctionName}/concurrency`; `{Key+}` takes what has slashes.
    pub request_uri: String,
}

/// A shape as somebody refers to it: what it is called there, and where it stands.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ref {
    pub shape: String,
    pub location: Option<String>,
    pub location_name: Option<String>,
    pub query_name: Option<String>,
    pub result_wrapper: Option<String>,
    pub timestamp_format: Option<String>,
    #[serde(default)]
    pub flattened: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default)]
    pub members: BTreeMap<String, Ref>,
    pub member: Option<Ref>,
    pub key: Option<Ref>,
    pub value: Option<Ref>,
    #[serde(rename = "enum", default)]
    pub names: Vec<String>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub payload: Option<String>,
    pub timestamp_format: Option<String>,
    #[serde(default)]
    pub flattened: bool,
    /// Anything at all that is JSON.
    #[serde(default)]
    pub document: bool,
    #[serde(default)]
    pub exception: bool,
    pub error: Option<Code>,
}

/// What an error is called on the wire, where that is not the name of its shape.
#[derive(Debug, Deserialize)]
pub struct Code {
    pub code: Option<String>,
}

impl Model {
    /// The service that IAM calls so; none where no models are installed.
    ///
    /// # Panics
    /// Where models are installed and this one is not among them, or cannot be read.
    pub fn of(service: &str) -> Option<&'static Self> {
        static READ: OnceLock<Mutex<BTreeMap<String, &'static Model>>> = OnceLock::new();
        let installed = PathBuf::from(std::env::var_os(INSTALLED)?);
        let mut read = READ.get_or_init(Mutex::default).lock().unwrap();
        let model = read
            .entry(service.to_string())
            .or_insert_with(|| Box::leak(Box::new(Self::read(&installed, service))));
        Some(*model)
    }

    fn read(installed: &Path, service: &str) -> Self {
        let known = FOLDERS.iter().find(|(ours, _)| *ours == service);
        let folder = installed.join(known.map_or(service, |(_, theirs)| theirs));
        let versions = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("no model of {service} in {folder:?}: {error}"));
        let newest = versions.map(|version| version.unwrap().path()).max();
        let file = newest.unwrap().join("service-2.json.gz");
        let packed = File::open(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let mut text = String::new();
        std::io::Read::read_to_string(&mut GzDecoder::new(packed), &mut text).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"))
    }

    pub fn shape(&self, of: &Ref) -> &Shape {
        &self.shapes[&of.shape]
    }

    /// The operation that a request of REST is: by its method and the longest template that its path fits.
    pub fn routed(&self, method: &str, path: &str) -> Option<(&str, BTreeMap<&str, String>)> {
        let fitting = self.operations.iter().filter_map(|(name, operation)| {
            let template = &operation.http.request_uri;
            let template = template.split('?').next().unwrap_or_default();
            let taken = (operation.http.method == method).then(|| fits(template, path))??;
            let fixed = template.split('/').filter(|part| !part.starts_with('{'));
            Some((fixed.count(), name.as_str(), taken))
        });
        let best = fitting.max_by_key(|(fixed, ..)| *fixed);
        best.map(|(_, name, taken)| (name, taken))
    }

    /// Is there an error that the wire calls so?
    pub fn has_error(&self, code: &str) -> bool {
        let code = code.rsplit('#').next().unwrap_or_default();
        ANYWHERE.contains(&code)
            || self.shapes.iter().any(|(name, shape)| {
                let own = shape.error.as_ref().and_then(|error| error.code.as_deref());
                shape.exception && own.unwrap_or(name) == code
            })
    }
}

/// Errors that every service has, and that no model names ("Common Error Types" of each service's API reference, and
/// those by which the SDKs know throttling and clocks that differ).
const ANYWHERE: [&str; 15] = [
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalFailure",
    "InvalidSignatureException",
    "RequestLimitExceeded",
    "RequestTimeTooSkewed",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "Throttling",
    "ThrottlingException",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
    "ValidationError",
];

/// What stands at the names of a template, if the path has its form.
fn fits<'a>(template: &'a str, path: &str) -> Option<BTreeMap<&'a str, String>> {
    let mut parts = path.trim_end_matches('/').split('/');
    let mut taken = BTreeMap::new();
    for wanted in template.trim_end_matches('/').split('/') {
        let part = parts.next()?;
        match wanted
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'))
        {
            Some(name) if name.ends_with('+') => {
                let rest = parts
                    .by_ref()
                    .fold(part.to_string(), |all, part| all + "/" + part);
                taken.insert(name.trim_end_matches('+'), rest);
            }
            Some(name) if !part.is_empty() => _ = taken.insert(name, part.to_string()),
            None if wanted == part => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(taken)
}

/// Every call of both tables is one that AWS has; the models that are asked are there.
#[test]
#[ignore = "needs the models of botocore: MIDWATCH_AWS_MODELS"]
fn by_the_models_every_call_of_the_tables_is_there() {
    let eyes = crate::aws::calls::CALLS.iter();
    let calls: Vec<_> = eyes.chain(crate::aws::deeds::DEEDS.iter()).collect();
    assert!(calls.len() > 80, "{}", calls.len());
    for call in calls {
        let model = Model::of(call.service.prefix).expect("the models are installed");
        assert!(
            model.operations.contains_key(call.operation),
            "{} has no {}",
            call.service.prefix,
            call.operation
        );
    }
}
