//! Queues of SQS, and who hears of topics of SNS.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sqs::types::QueueAttributeName;
use model::{EdgeKind, EntityId, EntityKind, SourceKind};
use serde_json::{Value, json};

use super::ask::{Asking, Miss};
use super::found::Found;

/// Queues of one answer.
const PAGE: i32 = 1_000;
/// Answers about subscriptions that are read, each of 100.
const PAGES: usize = 3;

/// What is asked of a queue. Its policy and its key are nobody's state.
const WANTED: [QueueAttributeName; 8] = [
    QueueAttributeName::ApproximateNumberOfMessages,
    QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    QueueAttributeName::LastModifiedTimestamp,
    QueueAttributeName::MessageRetentionPeriod,
    QueueAttributeName::QueueArn,
    QueueAttributeName::RedrivePolicy,
    QueueAttributeName::VisibilityTimeout,
];

/// Queues and topics.
pub(super) async fn look(asking: &Asking<'_>, firing: &BTreeSet<EntityId>) -> Found {
    let mut found = Found::default();
    match queues(asking, firing, &mut found).await {
        Ok(()) => {
            found.seen.insert(SourceKind::State);
        }
        Err(miss) => found.missed(asking, "queues", &miss),
    }
    if let Err(miss) = subscriptions(asking, &mut found).await {
        found.missed(asking, "who hears of topics", &miss);
    }
    found
}

async fn queues(
    asking: &Asking<'_>,
    firing: &BTreeSet<EntityId>,
    found: &mut Found,
) -> Result<(), Miss> {
    let sent = asking.place.sqs.list_queues().max_results(PAGE).send();
    let answer = asking.ask("sqs:ListQueues", 1, sent).await?;
    let name = |url: &str| url.rsplit('/').next().unwrap_or(url).to_string();
    let queues = answer
        .queue_urls()
        .iter()
        .map(|url| {
            let entity = found.there(asking, EntityKind::Queue, &name(url));
            (entity, url.clone())
        })
        .collect();
    let (wanted, more) = (("how queues are", "queues"), answer.next_token().is_some());
    for (entity, url) in found.first(asking, firing, wanted, queues, more) {
        let sent = asking
            .place
            .sqs
            .get_queue_attributes()
            .queue_url(&url)
            .set_attribute_names(Some(WANTED.to_vec()))
            .send();
        let answer = asking.ask("sqs:GetQueueAttributes", 1, sent).await?;
        let attributes = answer.attributes();
        let text = |name: &QueueAttributeName| attributes.and_then(|all| all.get(name));
        let mut document = json!({ "QueueUrl": url });
        for name in &WANTED {
            if let Some(value) = text(name) {
                let number = value.parse::<i64>().map(Value::from);
                document[name.as_str()] = number.unwrap_or_else(|_| Value::from(value.as_str()));
            }
        }
        if let Some(arn) = text(&QueueAttributeName::QueueArn) {
            found.directory.label(&entity, "arn", arn);
        }
        let redrive = text(&QueueAttributeName::RedrivePolicy);
        let redrive: Option<Value> = redrive.and_then(|text| serde_json::from_str(text).ok());
        let dead = redrive
            .as_ref()
            .and_then(|policy| policy["deadLetterTargetArn"].as_str());
        if let Some(dead) = dead.and_then(|arn| found.by_arn(arn)) {
            found.edge(
                &entity,
                &dead,
                EdgeKind::Produces,
                "the queue's redrive policy",
            );
        }
        found.state(entity, "sqs.queue", document, asking.now);
    }
    Ok(())
}

/// What stands in place of a subscription's name until whoever is to hear has said yes.
const PENDING: &str = "PendingConfirmation";

/// How many hear of a topic, and how many have not said yes yet; by protocol.
#[derive(Default)]
struct Hearers {
    confirmed: BTreeMap<String, u64>,
    pending: BTreeMap<String, u64>,
}

/// Who hears of topics; addresses of people are none of ours.
async fn subscriptions(asking: &Asking<'_>, found: &mut Found) -> Result<(), Miss> {
    let mut topics = BTreeMap::new();
    let told = hearers(asking, &mut topics, found).await;
    // What was read before an answer failed to come is as true.
    for (arn, hearers) in topics {
        if let Some(topic) = found.by_arn(&arn) {
            let document = json!({
                "TopicArn": arn,
                "SubscriptionsConfirmed": hearers.confirmed,
                "SubscriptionsPending": hearers.pending,
            });
            found.state(topic, "sns.topic", document, asking.now);
        }
    }
    told
}

async fn hearers(
    asking: &Asking<'_>,
    topics: &mut BTreeMap<String, Hearers>,
    found: &mut Found,
) -> Result<(), Miss> {
    let mut next = None;
    for _ in 0..PAGES {
        let sent = asking
            .place
            .sns
            .list_subscriptions()
            .set_next_token(next)
            .send();
        let answer = asking.ask("sns:ListSubscriptions", 1, sent).await?;
        for one in answer.subscriptions() {
            if let Some(arn) = one.topic_arn() {
                let topic = topics.entry(arn.to_string()).or_default();
                let pending = one.subscription_arn() == Some(PENDING);
                let hear = match pending {
                    true => &mut topic.pending,
                    false => &mut topic.confirmed,
                };
                *hear
                    .entry(one.protocol().unwrap_or_default().to_string())
                    .or_default() += 1;
            }
            let endpoint = one
                .endpoint()
                .filter(|endpoint| endpoint.starts_with("arn:"));
            let topic = one.topic_arn().and_then(|arn| found.by_arn(arn));
            let hears = endpoint.and_then(|arn| found.by_arn(arn));
            if let (Some(topic), Some(hears)) = (topic, hears) {
                found.edge(
                    &hears,
                    &topic,
                    EdgeKind::Consumes,
                    "a subscription of the topic",
                );
            }
        }
        next = answer
            .next_token()
            .map(str::to_string)
            .filter(|next| !next.is_empty());
        if next.is_none() {
            return Ok(());
        }
    }
    let detail = format!("the first {PAGES} answers were read");
    let gap = asking.cut(
        "all subscriptions",
        detail,
        "name fewer regions and accounts",
    );
    found.gaps.push(gap);
    Ok(())
}
