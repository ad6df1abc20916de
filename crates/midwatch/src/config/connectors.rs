//! Sources that are asked when an incident is looked at: `[connectors.prometheus.NAME]`, `[connectors.loki.NAME]`,
//! `[connectors.alertmanager.NAME]`, `[connectors.jaeger.NAME]`, `[connectors.tempo.NAME]`,
//! `[connectors.statuspage.NAME]`; what knows changes (`[connectors.github.NAME]`, …) and clusters is in parts of its own.

mod aws;
mod bounds;
mod changes;
mod cluster;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Bytes, Connectors, Length};

/// What is configured of any source that is asked.
pub struct Pulled<'c> {
    /// Its address.
    pub url: &'c str,
    /// The path of its API, which is put behind the address.
    pub api: &'static str,
    /// File of a bearer token.
    pub bearer_file: Option<&'c PathBuf>,
    /// Name for Basic authorisation.
    pub user: Option<&'c str>,
    /// File of the password.
    pub password_file: Option<&'c PathBuf>,
    /// Whose data.
    pub tenant: Option<&'c str>,
    /// Labels that name somebody.
    pub labels: &'c BTreeMap<String, String>,
    /// Values, and who they are.
    pub entities: &'c BTreeMap<String, String>,
    /// How much it may be asked.
    pub bounds: Bounds,
}

/// Repositories that are watched on one host of code.
pub struct Repositories<'c> {
    /// Their full names.
    pub repositories: &'c [String],
    /// Whom the changes of each touch, where that is said.
    pub touches: &'c BTreeMap<String, Vec<String>>,
    /// How far back changes are asked for.
    pub since: Option<Length>,
    /// Commits whose diffs are read.
    pub diffs: Option<u64>,
}

/// What names nobody.
static NO_NAMES: BTreeMap<String, String> = BTreeMap::new();

/// The table of one sort of source: what all that are asked have in common, and fields of its own. (A table within a
/// table that is flattened would let unknown keys pass.) Its address is written without a path, like an example;
/// `named` sources say by labels whom they speak of; `resources` say it by the resource of each span; `watched` host
/// repositories; `plain` ones say it in their own fields. Only the first two keep the data of tenants.
macro_rules! asked {
    (
        $(#[$about:meta])*
        named $name:ident, address $path:literal $example:literal, requests $look:literal $hour:literal,
        { $($own:tt)* }
    ) => {
        asked! {
            $(#[$about])*
            tenants $name, address $path $example, requests $look $hour,
            {
                $($own)*
                /// Labels that name somebody, beyond those that are known, and what they name, such as
                /// `{ team_service = "service" }`.
                #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
                pub labels: BTreeMap<String, String>,
                /// Values of such labels and the entities that they are, such as `{ postgres = "database/orders" }`.
                #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
                pub entities: BTreeMap<String, String>,
            },
            |source| (&source.labels, &source.entities)
        }
    };
    (
        $(#[$about:meta])*
        resources $name:ident, address $path:literal $example:literal, requests $look:literal $hour:literal,
        { $($own:tt)* }
    ) => {
        asked! {
            $(#[$about])*
            tenants $name, address $path $example, requests $look $hour,
            { $($own)* },
            |_source| (&NO_NAMES, &NO_NAMES)
        }
    };
    (
        $(#[$about:meta])*
        tenants $name:ident, address $path:literal $example:literal, requests $look:literal $hour:literal,
        { $($own:tt)* },
        |$source:ident| $names:expr
    ) => {
        asked! {
            $(#[$about])*
            table $name, address $path $example, requests $look $hour,
            {
                /// The tenant (`X-Scope-OrgID`) whose data are read.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub tenant: Option<String>,
                $($own)*
            },
            |$source| ($source.tenant.as_deref(), $names)
        }
    };
    (
        $(#[$about:meta])*
        watched $name:ident, address $path:literal $example:literal, requests $look:literal $hour:literal,
    ) => {
        asked! {
            $(#[$about])*
            plain $name, address $path $example, requests $look $hour,
            {
                /// Repositories that are watched, by their paths with namespace, such as `shop/cart`.
                pub repositories: Vec<String>,
                /// What a repository's changes touch, such as `{ "shop/cart" = ["service/cart"] }`; the service of the
                /// repository's name unless it is named.
                #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
                pub touches: BTreeMap<String, Vec<String>>,
                /// How far back changes are asked for; 24h unless something else is said.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub since: Option<Length>,
                /// Commits of one repository whose diffs one look reads, the newest; 20 unless something else is said.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub diffs: Option<u64>,
            }
        }

        impl $name {
            /// The repositories that are watched.
            pub fn watched(&self) -> Repositories<'_> {
                Repositories {
                    repositories: &self.repositories,
                    touches: &self.touches,
                    since: self.since,
                    diffs: self.diffs,
                }
            }
        }
    };
    (
        $(#[$about:meta])*
        plain $name:ident, address $path:literal $example:literal, requests $look:literal $hour:literal,
        { $($own:tt)* }
    ) => {
        asked! {
            $(#[$about])*
            table $name, address $path $example, requests $look $hour,
            { $($own)* },
            |_source| (None, (&NO_NAMES, &NO_NAMES))
        }
    };
    (
        $(#[$about:meta])*
        table $name:ident, address $path:literal $example:literal, requests $look:literal $hour:literal,
        { $($own:tt)* },
        |$source:ident| $whose:expr
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            #[doc = concat!("Its address without `", $path, "`, such as `", $example, "`.")]
            pub url: String,
            /// File of a bearer token; relative to the file.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub bearer_file: Option<PathBuf>,
            /// Name for Basic authorisation.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub user: Option<String>,
            /// File of the password that belongs to it; relative to the file.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub password_file: Option<PathBuf>,
            $($own)*
            #[doc = concat!("Requests that one look may send; ", $look, " unless something else is said.")]
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub requests: Option<u64>,
            /// Bytes of answers that one look may read; 64MiB unless something else is said.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub bytes: Option<Bytes>,
            #[doc = concat!("Requests that may be sent in any hour; ", $hour, " unless something else is said.")]
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub requests_per_hour: Option<u64>,
            /// Bytes of answers that may be read in any hour; 1GiB unless something else is said.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub bytes_per_hour: Option<Bytes>,
            /// How long one request may take; 5s unless something else is said.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub timeout: Option<Length>,
            /// How long one look may take, waits included; 20s unless something else is said.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub look: Option<Length>,
            /// What it costs to ask, where somebody is paid for it, such as `{ request = 0.00001, gigabyte = 0.005 }`; nothing
            /// unless it is said.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub prices: Option<Prices>,
            /// US dollars that one look may cost by these prices; 0.05 unless something else is said.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub dollars: Option<f64>,
            /// US dollars that any hour may cost by these prices; 1.0 unless something else is said.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub dollars_per_hour: Option<f64>,
        }

        impl $name {
            /// What it has in common with every source that is asked.
            pub fn pulled(&self) -> Pulled<'_> {
                let $source = self;
                let (tenant, (labels, entities)) = $whose;
                Pulled {
                    url: &self.url,
                    api: $path,
                    bearer_file: self.bearer_file.as_ref(),
                    user: self.user.as_deref(),
                    password_file: self.password_file.as_ref(),
                    tenant,
                    labels,
                    entities,
                    bounds: Bounds {
                        prices: self.prices.unwrap_or_default(),
                        dollars: self.dollars,
                        dollars_per_hour: self.dollars_per_hour,
                        ..bounds!(self)
                    },
                }
            }
        }
    };
}

asked! {
    /// A server that speaks the HTTP API of Prometheus: Prometheus, Mimir, Thanos, VictoriaMetrics.
    named Prometheus, address "/api/v1" "http://127.0.0.1:9090", requests "150" "3000",
    {
        /// Matchers that every series must fit, such as `namespace="shop",env="prod"`; all are read unless they are given.
        #[serde(default, rename = "match", skip_serializing_if = "String::is_empty")]
        pub matching: String,
        /// Time between points; as often as targets are scraped, unless it is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub step: Option<Length>,
        /// Series that one look reads; 20000 unless something else is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub series: Option<u64>,
        /// Series that one metric may have, else it is left out; 2000 unless something else is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub series_per_metric: Option<u64>,
    }
}

asked! {
    /// A server of Loki.
    named Loki, address "/loki/api/v1" "http://127.0.0.1:3100", requests "150" "3000",
    {
        /// Matchers that every stream must fit, such as `namespace="shop"`; whatever carries a label that names somebody
        /// is read unless they are given.
        #[serde(default, rename = "match", skip_serializing_if = "String::is_empty")]
        pub matching: String,
        /// Lines that one look reads; 60000 unless something else is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub lines: Option<u64>,
        /// Lines of one answer; 5000 unless something else is said, which is what Loki gives by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub page: Option<u64>,
    }
}

asked! {
    /// A server of Alertmanager.
    named Alertmanager, address "/api/v2" "http://127.0.0.1:9093", requests "150" "3000",
    {}
}

asked! {
    /// A server that speaks the query API of Jaeger, version 3.
    resources Jaeger, address "/api/v3" "http://127.0.0.1:16686", requests "150" "3000",
    {
        /// Services whose traces are searched for; all unless they are given.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub services: Vec<String>,
        /// Traces of each service in each slice of time; 20 unless something else is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub traces: Option<u64>,
    }
}

asked! {
    /// A server of Grafana Tempo.
    resources Tempo, address "/api" "http://127.0.0.1:3200", requests "320" "6000",
    {
        /// TraceQL that every trace must fit, such as `{ resource.service.namespace = "shop" }`; all are read unless it is given.
        #[serde(default, rename = "match", skip_serializing_if = "String::is_empty")]
        pub matching: String,
        /// Traces of one look; 256 unless something else is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub traces: Option<u64>,
    }
}

asked! {
    /// A page on which a provider says how it is, as Statuspage serves them.
    plain Statuspage, address "/api/v2" "https://status.example.com", requests "150" "3000",
    {
        /// Whom the page is about, as telemetry names it, such as `external/api.example.com`.
        pub entity: String,
        /// Names of components that matter; all unless they are given.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub components: Vec<String>,
    }
}

asked! {
    /// A server that speaks the REST API of GitHub, version 2022-11-28.
    watched Github, address "/repos" "https://api.github.com", requests "150" "3000",
}

asked! {
    /// A server that speaks the REST API of GitLab, version 4; its projects are repositories here.
    watched Gitlab, address "/api/v4" "https://gitlab.com", requests "150" "3000",
}

asked! {
    /// A server of Argo CD.
    plain Argocd, address "/api/v1" "https://argocd.example.com", requests "150" "3000",
    {
        /// Applications that matter; all unless they are given.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub applications: Vec<String>,
        /// What an application touches, such as `{ cart = ["service/cart"] }`; its workloads unless it is named.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub touches: BTreeMap<String, Vec<String>>,
        /// How far back its history is told; 24h unless something else is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub since: Option<Length>,
    }
}

pub use aws::{Aws, AwsAccount, AwsBuild, AwsHands, AwsRunbook, AwsTraffic};
pub use bounds::{Bounds, Prices};
pub use changes::Git;
pub use cluster::Kubernetes;

use bounds::{bounds, length_fault};

/// What is wrong: the key, what, and what to do.
type Fault = (String, String, String);

/// The names of one kind: `prometheus.main`.
fn names<T>(kind: &'static str, all: &BTreeMap<String, T>) -> (&'static str, Vec<String>) {
    let names = all.keys().map(|name| format!("{kind}.{name}"));
    (kind, names.collect())
}

impl Connectors {
    /// Under which names each of them is configured, by its key: `prometheus.main`; of a PayLedger, of which there is one,
    /// `payledger`.
    pub fn configured(&self) -> BTreeMap<&'static str, Vec<String>> {
        // Taken apart whole: the compiler says which one is not told of.
        let Self {
            payledger,
            prometheus,
            loki,
            alertmanager,
            jaeger,
            tempo,
            kubernetes,
            github,
            gitlab,
            git,
            argocd,
            statuspage,
            aws,
        } = self;
        let guest = payledger.iter().map(|_| "payledger".to_string());
        BTreeMap::from([
            ("payledger", guest.collect()),
            names("prometheus", prometheus),
            names("loki", loki),
            names("alertmanager", alertmanager),
            names("jaeger", jaeger),
            names("tempo", tempo),
            names("kubernetes", kubernetes),
            names("github", github),
            names("gitlab", gitlab),
            names("git", git),
            names("argocd", argocd),
            names("statuspage", statuspage),
            names("aws", aws),
        ])
    }

    /// Every source that is asked: its key, its name, and what it has in common with the others.
    fn pulled(&self) -> Vec<(String, &String, Pulled<'_>)> {
        let key = |kind: &str, name: &str| format!("connectors.{kind}.{name}");
        let mut all = Vec::new();
        for (name, one) in &self.prometheus {
            all.push((key("prometheus", name), name, one.pulled()));
        }
        for (name, one) in &self.loki {
            all.push((key("loki", name), name, one.pulled()));
        }
        for (name, one) in &self.alertmanager {
            all.push((key("alertmanager", name), name, one.pulled()));
        }
        for (name, one) in &self.jaeger {
            all.push((key("jaeger", name), name, one.pulled()));
        }
        for (name, one) in &self.tempo {
            all.push((key("tempo", name), name, one.pulled()));
        }
        for (name, one) in &self.statuspage {
            all.push((key("statuspage", name), name, one.pulled()));
        }
        for (name, one) in &self.github {
            all.push((key("github", name), name, one.pulled()));
        }
        for (name, one) in &self.gitlab {
            all.push((key("gitlab", name), name, one.pulled()));
        }
        for (name, one) in &self.argocd {
            all.push((key("argocd", name), name, one.pulled()));
        }
        all
    }

    /// Matchers with which every question would be refused.
    fn matchers_fault(&self) -> Option<Fault> {
        let prometheus = self.prometheus.iter();
        let prometheus = prometheus.map(|(name, one)| ("prometheus", name, &one.matching));
        let loki = self.loki.iter();
        let loki = loki.map(|(name, one)| ("loki", name, &one.matching));
        prometheus.chain(loki).find_map(|(kind, name, matching)| {
            let why = connectors::pull::misread(matching)?;
            Some((
                format!("connectors.{kind}.{name}.match"),
                why,
                "write it like match = 'namespace=\"shop\",env=\"prod\"'".to_string(),
            ))
        })
    }

    /// What types cannot say.
    pub fn fault(&self) -> Option<Fault> {
        self.pulled()
            .into_iter()
            .find_map(|(key, name, pulled)| pulled.fault(&key, name))
            .or_else(|| self.matchers_fault())
            .or_else(|| self.clusters_fault())
            .or_else(|| self.changes_fault())
            .or_else(|| self.aws.iter().find_map(|(name, one)| one.fault(name)))
    }
}

/// Is it a name that a source may have?
fn named(key: &str, name: &str) -> Option<Fault> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = !name.is_empty() && name.len() <= 40 && name.bytes().all(plain);
    (!good).then(|| {
        (
            key.to_string(),
            "is no name".to_string(),
            "use up to 40 lower-case letters, digits and hyphens".to_string(),
        )
    })
}

/// Does it name no entity?
fn nobody(id: &str) -> bool {
    id.split_once('/')
        .is_none_or(|(kind, name)| kind.is_empty() || name.is_empty())
}

impl Pulled<'_> {
    /// Does the path of its API end in a version, such as `v1`?
    fn is_versioned(&self) -> bool {
        let last = self.api.rsplit('/').next().unwrap_or_default();
        last.strip_prefix('v')
            .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    }

    fn fault(&self, key: &str, name: &str) -> Option<Fault> {
        let fault = |of: &str, what: &str, remedy: &str| {
            Some((format!("{key}{of}"), what.to_string(), remedy.to_string()))
        };
        if let Some(fault) = named(key, name) {
            return Some(fault);
        }
        let address = ["http://", "https://"]
            .iter()
            .find_map(|scheme| self.url.strip_prefix(scheme));
        match address {
            Some("") => {
                return fault(
                    ".url",
                    "names no host",
                    "write it like \"http://127.0.0.1:9090\"",
                );
            }
            // Also behind a slash, which a password may hold that was not escaped.
            Some(rest) if rest.contains('@') => {
                return fault(
                    ".url",
                    "holds a name or a password, which would stand in reports",
                    "name them in user and password_file",
                );
            }
            Some(rest) if rest.contains(['?', '#']) => {
                return fault(
                    ".url",
                    "holds more than an address",
                    "leave out what follows the path",
                );
            }
            // Only where its last part is a version: a gateway may well serve a Tempo at a path that ends in `/api`.
            Some(rest) if self.is_versioned() && rest.trim_end_matches('/').ends_with(self.api) => {
                return fault(
                    ".url",
                    &format!("ends in {}, which is put behind it anyway", self.api),
                    "leave that out: write it like \"http://127.0.0.1:9090\"",
                );
            }
            Some(_) => {}
            None => {
                return fault(
                    ".url",
                    "is no address of HTTP",
                    "write it like \"http://127.0.0.1:9090\"",
                );
            }
        }
        if self.user.is_some() != self.password_file.is_some() {
            return fault(
                "",
                "has one of user and password_file without the other",
                "name both, or neither",
            );
        }
        if self.user.is_some() && self.bearer_file.is_some() {
            return fault(
                "",
                "has both a bearer token and a password",
                "name one of them",
            );
        }
        let tenant = self.tenant.unwrap_or("any");
        if tenant.is_empty() || !tenant.bytes().all(|byte| byte.is_ascii_graphic()) {
            return fault(
                ".tenant",
                "cannot stand in a header",
                "use letters, digits and signs",
            );
        }
        if let Some(id) = self.entities.values().find(|id| nobody(id)) {
            return fault(
                ".entities",
                &format!("names {id:?}, which is no entity"),
                "write them like \"database/orders\"",
            );
        }
        let bounds = &self.bounds;
        let free = bounds.prices == Prices::default();
        if free && (bounds.dollars.is_some() || bounds.dollars_per_hour.is_some()) {
            return fault(
                "",
                "bounds money, and nothing costs any",
                "say what asking costs, such as prices = { gigabyte = 0.005 }, or leave out the dollars",
            );
        }
        bounds.fault(key)
    }
}
