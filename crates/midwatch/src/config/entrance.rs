//! How the house is entered: TLS that it speaks itself, and somebody who vouches for people.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::people::Grants;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// TLS that Midwatch speaks itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// File with the certificate and those that lead to one that browsers know, in PEM; relative to the file. When it
    /// changes it is taken anew, without a restart.
    pub certificate: PathBuf,
    /// File with the certificate's private key, in PEM and not encrypted; relative to the file.
    pub key: PathBuf,
}

/// Sign-in by a provider that vouches for people (OpenID Connect).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// The provider, exactly as it calls itself (`issuer` of its `/.well-known/openid-configuration`). https, but on
    /// this machine.
    pub issuer: String,
    /// What it calls Midwatch.
    pub client_id: String,
    /// File that holds the secret by which Midwatch shows that it is that client; relative to the file.
    pub client_secret_file: PathBuf,
    /// The claim of ID tokens that lists somebody's groups; where it lies deeper, names with dots between.
    #[serde(default = "Oidc::usual_claim")]
    pub groups_claim: String,
    /// Which groups have which roles in which spaces, such as `{ sre = { main = "approver" }, ops = { "*" = "admin" } }`.
    /// Whoever is in none of them does not get in.
    pub roles: BTreeMap<String, Grants>,
    /// What the button on the page says.
    #[serde(default = "Oidc::usual_label")]
    pub label: String,
    /// What is asked for beside `openid`.
    #[serde(default = "Oidc::usual_scopes")]
    pub scopes: Vec<String>,
    /// Hosts beside the issuer's own at which it may have tokens and keys. What leads elsewhere is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

impl Oidc {
    fn usual_claim() -> String {
        "groups".to_string()
    }

    fn usual_label() -> String {
        "Sign in with single sign-on".to_string()
    }

    fn usual_scopes() -> Vec<String> {
        ["profile", "email"].map(str::to_string).to_vec()
    }

    /// What types cannot say: key, what is wrong with it, what to do.
    pub fn fault(&self) -> Option<(&'static str, &'static str, &'static str)> {
        if self.roles.values().all(|grants| grants.0.is_empty()) {
            return Some((
                "server.oidc.roles",
                "gives no group a role, so nobody could get in",
                "name a group: roles = { sre = { main = \"approver\" } }",
            ));
        }
        if self.label.is_empty() || self.label.chars().count() > 60 {
            return Some((
                "server.oidc.label",
                "is not 1 to 60 characters",
                "say what people know it by",
            ));
        }
        let word = |text: &String| !text.is_empty() && !text.contains(char::is_whitespace);
        if !self.scopes.iter().all(word) {
            return Some((
                "server.oidc.scopes",
                "holds one that is none",
                "name each by itself: [\"profile\", \"email\"]",
            ));
        }
        None
    }
}
