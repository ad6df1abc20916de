//! Alarms on what the front counts, the topic that they speak to, and a queue that hears it.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, Statistic};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use super::cloud::{Cloud, Place, failed, is};
use super::system::{ALARMS, FRONT, NAMESPACE, WATCHED};
use crate::failure::Failure;

/// Seconds of a period: the shortest that costs nothing more.
const PERIOD: i32 = 60;
const NO_QUEUE: &[&str] = &[
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
];

/// Makes the topic, the queue that hears it, and the alarms that speak to it.
pub(super) async fn set_up(cloud: &Cloud, place: &Place) -> Result<(), Failure> {
    let name = cloud.named(ALARMS);
    let what = format!("{}: {name}", place.region);
    let topic = place
        .topics
        .create_topic()
        .name(&name)
        .send()
        .await
        .map_err(|error| failed(&what, &error))?;
    let topic = topic.topic_arn().unwrap_or_default().to_string();
    let queue = place
        .queues
        .create_queue()
        .queue_name(&name)
        .send()
        .await
        .map_err(|error| failed(&what, &error))?;
    let url = queue.queue_url().unwrap_or_default().to_string();
    let asked = place.queues.get_queue_attributes().queue_url(&url);
    let attributes = asked
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .map_err(|error| failed(&what, &error))?;
    let arn = attributes
        .attributes()
        .and_then(|all| all.get(&QueueAttributeName::QueueArn))
        .cloned()
        .unwrap_or_default();
    // Only that topic may put anything in.
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }]});
    place
        .queues
        .set_queue_attributes()
        .queue_url(&url)
        .attributes(QueueAttributeName::Policy, policy.to_string())
        .send()
        .await
        .map_err(|error| failed(&what, &error))?;
    place
        .topics
        .subscribe()
        .topic_arn(&topic)
        .protocol("sqs")
        .endpoint(&arn)
        .send()
        .await
        .map_err(|error| failed(&what, &error))?;
    for alarm in &WATCHED {
        let dimension = Dimension::builder()
            .name("FunctionName")
            .value(cloud.named(FRONT))
            .build();
        let name = cloud.named(alarm.name);
        place
            .numbers
            .put_metric_alarm()
            .alarm_name(&name)
            .namespace(NAMESPACE)
            .metric_name(alarm.metric)
            .dimensions(dimension)
            .statistic(Statistic::from(alarm.statistic))
            .period(PERIOD)
            .evaluation_periods(1)
            .threshold(alarm.threshold)
            .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
            .treat_missing_data("notBreaching")
            .alarm_actions(&topic)
            .ok_actions(&topic)
            .send()
            .await
            .map_err(|error| failed(&format!("{}: {name}", place.region), &error))?;
    }
    Ok(())
}

/// How the alarms stand, in CloudWatch's words.
pub(super) async fn alarms(
    cloud: &Cloud,
    place: &Place,
) -> Result<BTreeMap<String, String>, Failure> {
    let answer = place
        .numbers
        .describe_alarms()
        .alarm_name_prefix(cloud.named(""))
        .send()
        .await
        .map_err(|error| failed(&format!("{}: the alarms", place.region), &error))?;
    let stand = answer.metric_alarms().iter().map(|alarm| {
        let state = alarm
            .state_value()
            .map_or("UNKNOWN", |state| state.as_str());
        (
            alarm.alarm_name().unwrap_or_default().to_string(),
            state.to_string(),
        )
    });
    Ok(stand.collect())
}

/// Takes alarms, topic and queue away; says which were there.
pub(super) async fn destroy(cloud: &Cloud, place: &Place) -> Result<Vec<String>, Failure> {
    let mut gone = Vec::new();
    let there: Vec<String> = alarms(cloud, place).await?.into_keys().collect();
    let own: Vec<String> = WATCHED
        .iter()
        .map(|alarm| cloud.named(alarm.name))
        .collect();
    let there: Vec<String> = there
        .into_iter()
        .filter(|name| own.contains(name))
        .collect();
    if !there.is_empty() {
        place
            .numbers
            .delete_alarms()
            .set_alarm_names(Some(there.clone()))
            .send()
            .await
            .map_err(|error| failed(&format!("{}: the alarms", place.region), &error))?;
        gone.extend(
            there
                .into_iter()
                .map(|name| format!("{}: alarm {name}", place.region)),
        );
    }
    let name = cloud.named(ALARMS);
    let what = format!("{}: {name}", place.region);
    let mut next = None;
    loop {
        let listed = place
            .topics
            .list_topics()
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| failed(&what, &error))?;
        for topic in listed.topics() {
            let arn = topic.topic_arn().unwrap_or_default();
            if arn.rsplit(':').next() == Some(&name) {
                let sent = place.topics.delete_topic().topic_arn(arn).send().await;
                sent.map_err(|error| failed(&what, &error))?;
                gone.push(format!("{}: topic {name}", place.region));
            }
        }
        next = listed.next_token().map(str::to_string);
        if next.is_none() {
            break;
        }
    }
    match place.queues.get_queue_url().queue_name(&name).send().await {
        Ok(answer) => {
            let url = answer.queue_url().unwrap_or_default();
            let sent = place.queues.delete_queue().queue_url(url).send().await;
            sent.map_err(|error| failed(&what, &error))?;
            gone.push(format!("{}: queue {name}", place.region));
        }
        Err(error) if is(&error, NO_QUEUE) => {}
        Err(error) => return Err(failed(&what, &error)),
    }
    Ok(gone)
}
