//! The documents that EC2 answers with, as far as they are read.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use model::time::Timestamp;
use serde::Deserialize;

/// # Errors
/// It is not one of EC2's documents.
pub(super) fn parsed(body: &[u8]) -> Result<Answer, BoxError> {
    Ok(quick_xml::de::from_str(std::str::from_utf8(body)?)?)
}

/// A document of EC2, by its root.
#[derive(Debug, Deserialize)]
pub(super) enum Answer {
    DescribeInstancesResponse(Machines),
    DescribeInstanceStatusResponse(Statuses),
    /// It refused.
    Response(Errors),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Errors {
    #[serde(rename = "Errors")]
    all: ErrorList,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorList {
    #[serde(rename = "Error")]
    items: Vec<OneError>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct OneError {
    code: String,
    message: String,
}

/// Why EC2 did not answer.
#[derive(Debug, Default)]
pub(in crate::aws::eyes) struct Refused(ErrorMetadata);

impl From<Errors> for Refused {
    fn from(errors: Errors) -> Self {
        let first = errors.all.items.into_iter().next().unwrap_or_default();
        let mut told = ErrorMetadata::builder();
        if !first.code.is_empty() {
            told = told.code(first.code);
        }
        if !first.message.is_empty() {
            told = told.message(first.message);
        }
        Self(told.build())
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(out)
    }
}

impl std::error::Error for Refused {}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// A list, as EC2 writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(super) struct Items<T> {
    pub item: Vec<T>,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { item: Vec::new() }
    }
}

/// A page of machines, by the request that launched them.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::aws::eyes) struct Machines {
    pub(super) reservation_set: Items<Reservation>,
    /// How to ask for the next page; empty for the last.
    pub(super) next_token: String,
}

/// Machines that were launched together.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reservation {
    pub reservation_id: String,
    pub instances_set: Items<Machine>,
}

/// A machine. What is not told is empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Machine {
    pub instance_id: String,
    pub instance_state: Named,
    /// When it came into that state, among words.
    pub reason: String,
    pub state_reason: Reason,
    pub launch_time: String,
    pub instance_type: String,
    pub image_id: String,
    /// `spot`, or empty.
    pub instance_lifecycle: String,
    pub placement: Placement,
    pub vpc_id: String,
    pub private_ip_address: String,
    /// The address by which the internet knows it.
    pub ip_address: String,
    /// The name by which the internet calls it.
    pub dns_name: String,
    pub network_interface_set: Items<Interface>,
    pub tag_set: Items<Tag>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reason {
    pub code: String,
    pub message: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Placement {
    pub availability_zone: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Interface {
    pub private_ip_address: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tag {
    pub key: String,
    pub value: String,
}

/// A page of how machines are.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::aws::eyes) struct Statuses {
    pub(super) instance_status_set: Items<Status>,
    /// How to ask for the next page; empty for the last.
    pub(super) next_token: String,
}

/// How a machine is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    pub instance_id: String,
    pub system_status: Check,
    pub instance_status: Check,
    pub attached_ebs_status: Check,
    pub events_set: Items<Planned>,
}

/// A status check.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Check {
    /// `ok`, `impaired`, `initializing`; empty where there is no such check.
    pub status: String,
    pub details: Items<Detail>,
}

impl Check {
    /// Since when it fails, if that is told.
    pub fn since(&self) -> Option<Timestamp> {
        let details = self.details.item.iter();
        details.filter_map(|one| at(&one.impaired_since)).next()
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Detail {
    pub impaired_since: String,
}

/// Something that AWS plans with a machine.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Planned {
    pub code: String,
    pub description: String,
    pub not_before: String,
    pub not_after: String,
}

/// A moment, as EC2 writes it.
pub(super) fn at(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// The text, unless nothing is told.
pub(super) fn told(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn documents_are_told_by_their_root() {
        let machines = r#"<?xml version="1.0" encoding="UTF-8"?>
            <DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
              <requestId>8f7724cf</requestId>
              <reservationSet><item><reservationId>r-1</reservationId><groupSet/>
                <instancesSet>
                  <item><instanceId>i-1</instanceId><instanceState><code>16</code><name>running</name></instanceState>
                    <reason/><tagSet><item><key>Name</key><value>a &amp; b</value></item></tagSet></item>
                  <item><instanceId>i-2</instanceId></item>
                </instancesSet></item></reservationSet>
              <nextToken>more</nextToken>
            </DescribeInstancesResponse>"#;
        let Ok(Answer::DescribeInstancesResponse(read)) = parsed(machines.as_bytes()) else {
            panic!("{:?}", parsed(machines.as_bytes()));
        };
        assert_eq!(read.next_token, "more");
        let [one] = &read.reservation_set.item[..] else {
            panic!("{read:?}")
        };
        let ids = one
            .instances_set
            .item
            .iter()
            .map(|one| one.instance_id.as_str());
        assert_eq!(ids.collect::<Vec<_>>(), ["i-1", "i-2"]);
        let first = &one.instances_set.item[0];
        assert_eq!(first.instance_state.name, "running");
        assert_eq!(first.tag_set.item[0].value, "a & b");

        let refused = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors>\
                       <RequestID>1</RequestID></Response>";
        let Ok(Answer::Response(errors)) = parsed(refused.as_bytes()) else {
            panic!("a refusal")
        };
        let refused = Refused::from(errors);
        assert_eq!(refused.code(), Some("UnauthorizedOperation"));
        assert_eq!(refused.message(), Some("no"));

        for odd in [
            "",
            "<html><body>Sign in</body></html>",
            "{\"a\":1}",
            "<DescribeInstancesResponse>",
        ] {
            assert!(parsed(odd.as_bytes()).is_err(), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parsed(&bytes);
        }

        #[test]
        fn whatever_stands_in_a_document_is_read_or_refused(
            text in "(<(/?)(item|reservationSet|instancesSet|instanceId|tagSet|a)>|[a-z&;#0-9<>]|]]>|<!--|<!\\[CDATA\\[){0,40}",
        ) {
            let _ = parsed(format!("<DescribeInstancesResponse>{text}</DescribeInstancesResponse>").as_bytes());
        }
    }
}
