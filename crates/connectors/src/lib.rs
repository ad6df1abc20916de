//! One folder per vendor; the last place that knows a vendor's words.
//!
//! A connector sees the ground only ([`model`]): it turns what a source says into the words of the
//! trade and plugs into the sockets of [`model::ports`].

#[cfg(feature = "files")]
pub mod files;

#[cfg(feature = "inlets")]
pub mod alertmanager;
#[cfg(feature = "argocd")]
pub mod argocd;
#[cfg(feature = "aws-iam")]
pub mod aws;
pub mod catalog;
#[cfg(any(
    feature = "inlets",
    feature = "notifiers",
    feature = "oidc",
    feature = "payledger",
    feature = "prometheus",
    feature = "webhook"
))]
pub mod client;
#[cfg(feature = "inlets")]
pub mod cloudevents;
#[cfg(feature = "inlets")]
pub mod cloudwatch;
#[cfg(feature = "inlets")]
pub mod datadog;
#[cfg(feature = "inlets")]
pub mod delivery;
#[cfg(all(test, feature = "notifiers"))]
mod double;
#[cfg(any(
    feature = "argocd",
    feature = "git",
    feature = "github",
    feature = "gitlab"
))]
pub mod forge;
#[cfg(feature = "git")]
pub mod git;
#[cfg(any(feature = "inlets", feature = "notifiers"))]
pub mod github;
#[cfg(feature = "inlets")]
pub mod gitlab;
#[cfg(feature = "inlets")]
pub mod grafana;
#[cfg(any(
    feature = "inlets",
    feature = "notifiers",
    feature = "oidc",
    feature = "payledger",
    feature = "prometheus",
    feature = "webhook"
))]
pub mod hidden;
#[cfg(feature = "jaeger")]
pub mod jaeger;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
#[cfg(feature = "notifiers")]
mod legible;
#[cfg(feature = "loki")]
pub mod loki;
#[cfg(feature = "oidc")]
pub mod oidc;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(any(feature = "inlets", feature = "notifiers"))]
pub mod pagerduty;
#[cfg(feature = "payledger")]
pub mod payledger;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(any(
    feature = "alertmanager",
    feature = "argocd",
    feature = "aws",
    feature = "git",
    feature = "github",
    feature = "gitlab",
    feature = "jaeger",
    feature = "kubernetes",
    feature = "loki",
    feature = "prometheus",
    feature = "statuspage",
    feature = "tempo"
))]
pub mod pull;
#[cfg(any(feature = "inlets", feature = "notifiers"))]
pub mod slack;
#[cfg(feature = "notifiers")]
pub mod smtp;
#[cfg(feature = "statuspage")]
pub mod statuspage;
#[cfg(feature = "tempo")]
pub mod tempo;
#[cfg(all(test, feature = "notifiers"))]
mod told;
#[cfg(feature = "webhook")]
pub mod webhook;
