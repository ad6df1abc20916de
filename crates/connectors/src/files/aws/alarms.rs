//! `cloudwatch describe-alarms`.

use std::collections::BTreeMap;

use model::{Alarm, AlarmState, EntityKind};

use super::names;
use crate::files::entities::Who;
use crate::files::error::FilesError;
use crate::files::gathered::{Gathered, moment_at, text_at, values};
use crate::files::source::DataFile;

/// Reads alarms. One that is well is a notice only if it became so inside of the window.
pub(super) fn read(
    file: &DataFile,
    text: &str,
    gathered: &mut Gathered<'_>,
) -> Result<(), FilesError> {
    for list in ["MetricAlarms", "CompositeAlarms"] {
        values(file, text, list, |alarm, raw| {
            let changed = moment_at(&alarm, &["StateTransitionedTimestamp"])
                .or_else(|| moment_at(&alarm, &["StateUpdatedTimestamp"]));
            let Some(fired_at) = changed else {
                return Err(file.syntax(
                    raw.line,
                    "an alarm that does not say when its state changed",
                    "a `StateUpdatedTimestamp`",
                ));
            };
            let state = match text_at(&alarm, &["StateValue"]) {
                "ALARM" => AlarmState::Firing,
                "INSUFFICIENT_DATA" => AlarmState::NoData,
                _ => AlarmState::Resolved,
            };
            if state != AlarmState::Firing && !gathered.manifest.window.contains(fired_at) {
                return Ok(());
            }
            let rule = text_at(&alarm, &["AlarmName"]).to_string();
            let who = names::dimensions(&alarm["Dimensions"])
                .unwrap_or_else(|| Who::Named(EntityKind::Unknown, rule.as_str().into()));
            let statistic = match text_at(&alarm, &["Statistic"]) {
                "" => text_at(&alarm, &["ExtendedStatistic"]),
                statistic => statistic,
            };
            let some = |text: &str| (!text.is_empty()).then(|| text.to_string());
            let mut labels = BTreeMap::new();
            for key in [
                "Namespace",
                "ComparisonOperator",
                "TreatMissingData",
                "AlarmRule",
            ] {
                if let Some(value) = some(text_at(&alarm, &[key])) {
                    labels.insert(key.to_string(), value);
                }
            }
            let id = match text_at(&alarm, &["AlarmArn"]) {
                "" => rule.clone(),
                arn => arn.to_string(),
            };
            let summary = [
                text_at(&alarm, &["AlarmDescription"]),
                text_at(&alarm, &["StateReason"]),
            ]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(" | ");
            let entity = gathered.directory.id(&who);
            gathered.alarms.push(Alarm {
                id,
                source: "cloudwatch".into(),
                rule,
                entity,
                metric: some(text_at(&alarm, &["MetricName"])),
                statistic: some(statistic),
                threshold: alarm["Threshold"].as_f64(),
                observed: None,
                fired_at,
                true_at: None,
                severity: None,
                state,
                summary,
                labels,
                raw,
            });
            Ok(())
        })?;
    }
    Ok(())
}
