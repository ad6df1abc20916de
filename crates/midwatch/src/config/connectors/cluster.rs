//! Kubernetes clusters.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Bounds, Bytes, Connectors, Fault, Length, bounds, named};

/// A Kubernetes cluster. It is reached as its kubeconfig says, or from within.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kubernetes {
    /// A kubeconfig; relative to the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,
    /// Which of its contexts; its current one unless it is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Does this run in a pod of that cluster, and is it reached by the pod's service account?
    pub in_cluster: bool,
    /// Namespaces that are looked at; all unless they are given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Pods that look broken whose lines one look reads; 12 unless something else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<u64>,
    /// Lines of one container; 500 unless something else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Requests that one look may send; 150 unless something else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Bytes of answers that one look may read; 64MiB unless something else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Bytes>,
    /// Requests that may be sent in any hour; 3000 unless something else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_hour: Option<u64>,
    /// Bytes of answers that may be read in any hour; 1GiB unless something else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_hour: Option<Bytes>,
    /// How long one request may take; 10s unless something else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Length>,
    /// How long one look may take, waits included; 30s unless something else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look: Option<Length>,
}

/// Can it be the name of a namespace (RFC 1123)?
fn is_namespace(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.len() <= 63 && name.bytes().all(plain) && !name.starts_with('-')
}

impl Connectors {
    /// What is wrong with a cluster.
    pub(super) fn clusters_fault(&self) -> Option<Fault> {
        self.kubernetes
            .iter()
            .find_map(|(name, one)| one.fault(name))
    }
}

impl Kubernetes {
    /// How much may be asked.
    pub fn bounds(&self) -> Bounds {
        bounds!(self)
    }

    fn fault(&self, name: &str) -> Option<Fault> {
        let key = format!("connectors.kubernetes.{name}");
        let fault = |of: &str, what: String, remedy: &str| {
            Some((format!("{key}{of}"), what, remedy.to_string()))
        };
        if let Some(fault) = named(&key, name) {
            return Some(fault);
        }
        if self.kubeconfig.is_some() == self.in_cluster {
            return fault(
                "",
                "does not say in one way how it is reached".to_string(),
                "name a kubeconfig, or set in_cluster = true",
            );
        }
        if self.in_cluster && self.context.is_some() {
            return fault(
                ".context",
                "has no meaning without a kubeconfig".to_string(),
                "leave it out",
            );
        }
        if let Some(bad) = self.namespaces.iter().find(|name| !is_namespace(name)) {
            return fault(
                ".namespaces",
                format!("names {bad:?}, which is no namespace"),
                "use lower-case letters, digits and hyphens",
            );
        }
        self.bounds().fault(&key)
    }
}
