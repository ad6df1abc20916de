//! What was run of a document lately, as Systems Manager tells of it: which of it is ours, and how far it came.

use aws_sdk_ssm::types::{
    AutomationExecutionFilter, AutomationExecutionFilterKey, AutomationExecutionMetadata,
    AutomationExecutionStatus as Automation, Command, CommandFilter, CommandFilterKey,
    CommandStatus,
};
use model::time::{SECOND, Timestamp};

use super::Trouble;
use super::bench::{At, Work, session};
use super::document::{Document, comment};
use super::former::cannot;
use super::matter::Update;
use super::run::{BACK, One};
use crate::aws::eyes::alarms::moment;

/// Runs of one answer.
const PAGE: i32 = 50;
/// Answers that are read.
const PAGES: usize = 4;

/// From when on it is looked for what was run, as AWS takes it: in whole seconds.
fn since(now: Timestamp) -> String {
    let from = now.minus(BACK).0;
    Timestamp(from - from.rem_euclid(SECOND)).to_string()
}

impl Document {
    /// What was run of it lately, the newest first.
    pub async fn runs(&self, work: &Work<'_>, at: &At) -> Result<Vec<One>, Trouble> {
        let mut all = match self.named.is_command() {
            true => self.commands(work, at).await?,
            false => self.automations(work, at).await?,
        };
        all.sort_by_key(|one| std::cmp::Reverse(one.began));
        Ok(all)
    }

    /// There are more of them than are read: then it is not known whether one is ours.
    fn too_many<T>(&self) -> Result<T, Trouble> {
        cannot(format!(
            "{} is run so often that AWS does not tell of all its runs of a day",
            self.named.document
        ))
    }

    async fn automations(&self, work: &Work<'_>, at: &At) -> Result<Vec<One>, Trouble> {
        let bench = work.bench(at)?;
        let filter = |key, value: String| {
            let filter = AutomationExecutionFilter::builder().key(key).values(value);
            filter
                .build()
                .map_err(|error| Trouble::Cannot(error.to_string()))
        };
        let filters = vec![
            filter(
                AutomationExecutionFilterKey::DocumentNamePrefix,
                self.named.document.clone(),
            )?,
            filter(
                AutomationExecutionFilterKey::StartTimeAfter,
                since(work.now),
            )?,
        ];
        let mut all = Vec::new();
        let mut next = None;
        for _ in 0..PAGES {
            let sent = bench
                .reads
                .systems
                .describe_automation_executions()
                .set_filters(Some(filters.clone()))
                .max_results(PAGE)
                .set_next_token(next)
                .send();
            let answer = work
                .ask(bench, "ssm:DescribeAutomationExecutions", sent)
                .await?;
            for said in answer.automation_execution_metadata_list() {
                // Others may be called alike, and one may be a step of another.
                let same = said.document_name() == Some(self.named.document.as_str());
                if same && said.parent_automation_execution_id().is_none() {
                    all.push(self.automation(work, at, said).await?);
                }
            }
            next = answer.next_token().map(str::to_string);
            if next.as_ref().is_none_or(String::is_empty) {
                return Ok(all);
            }
        }
        self.too_many()
    }

    async fn automation(
        &self,
        work: &Work<'_>,
        at: &At,
        said: &AutomationExecutionMetadata,
    ) -> Result<One, Trouble> {
        let id = said.automation_execution_id().unwrap_or_default();
        let by = said.executed_by().unwrap_or_default();
        let ours = work.is_ours(id, |key| by.ends_with(&format!("/{}", session(&key.0))));
        let status = said.automation_execution_status();
        let mut far = status.map_or("?", |one| one.as_str()).to_string();
        if ours {
            far += &self.steps(work, at, id).await?;
        }
        Ok(One {
            id: id.to_string(),
            ours,
            began: said.execution_start_time().map(moment),
            stands: status.map_or(Update::Going, stands),
            far,
        })
    }

    /// How far the steps of an automation came: names and states.
    async fn steps(&self, work: &Work<'_>, at: &At, id: &str) -> Result<String, Trouble> {
        let bench = work.bench(at)?;
        let sent = bench
            .reads
            .systems
            .get_automation_execution()
            .automation_execution_id(id)
            .send();
        let answer = work.ask(bench, "ssm:GetAutomationExecution", sent).await?;
        let Some(execution) = answer.automation_execution() else {
            return Ok(String::new());
        };
        let steps = execution.step_executions().iter().filter_map(|step| {
            let status = step.step_status()?.as_str();
            Some(format!("{} {status}", step.step_name()?))
        });
        let mut steps: Vec<String> = steps.collect();
        if execution.step_executions_truncated() {
            steps.push("and more".to_string());
        }
        Ok(match steps.is_empty() {
            true => String::new(),
            false => format!(" ({})", steps.join(", ")),
        })
    }

    async fn commands(&self, work: &Work<'_>, at: &At) -> Result<Vec<One>, Trouble> {
        let bench = work.bench(at)?;
        let filter = |key, value: String| {
            let filter = CommandFilter::builder().key(key).value(value);
            filter
                .build()
                .map_err(|error| Trouble::Cannot(error.to_string()))
        };
        let filters = vec![
            filter(CommandFilterKey::DocumentName, self.named.document.clone())?,
            filter(CommandFilterKey::InvokedAfter, since(work.now))?,
        ];
        let mut all = Vec::new();
        let mut next = None;
        for _ in 0..PAGES {
            let sent = bench
                .reads
                .systems
                .list_commands()
                .set_filters(Some(filters.clone()))
                .max_results(PAGE)
                .set_next_token(next)
                .send();
            let answer = work.ask(bench, "ssm:ListCommands", sent).await?;
            let same = |one: &&Command| one.document_name() == Some(self.named.document.as_str());
            let same = answer.commands().iter().filter(same);
            all.extend(same.map(|one| command(work, one)));
            next = answer.next_token().map(str::to_string);
            if next.as_ref().is_none_or(String::is_empty) {
                return Ok(all);
            }
        }
        self.too_many()
    }
}

/// How an automation stands. What AWS may call it one day is taken for one that goes on: it is looked at again.
fn stands(status: &Automation) -> Update {
    match status {
        Automation::Success | Automation::CompletedWithSuccess => Update::Over,
        Automation::Cancelled
        | Automation::ChangeCalendarOverrideRejected
        | Automation::CompletedWithFailure
        | Automation::Exited
        | Automation::Failed
        | Automation::Rejected
        | Automation::Timedout => Update::Broken(status.as_str().to_string()),
        _ => Update::Going,
    }
}

fn command(work: &Work<'_>, said: &Command) -> One {
    let id = said.command_id().unwrap_or_default();
    let (status, details) = (said.status(), said.status_details().unwrap_or_default());
    let name = status.map_or("?", |one| one.as_str());
    // Where nobody has its targets, AWS calls it a success.
    let nobody = said.target_count() == 0 || details == "NoInstancesInTag";
    let stands = match status {
        Some(CommandStatus::Success) if nobody => {
            Update::Broken("no machine has run it".to_string())
        }
        Some(CommandStatus::Success) => Update::Over,
        Some(CommandStatus::Cancelled | CommandStatus::Failed | CommandStatus::TimedOut) => {
            Update::Broken(name.to_string())
        }
        _ => Update::Going,
    };
    One {
        id: id.to_string(),
        ours: work.is_ours(id, |key| said.comment() == Some(comment(key).as_str())),
        began: said.requested_date_time().map(moment),
        stands,
        far: format!(
            "{name}, {} of {} machines are through, {} of them failed",
            said.completed_count(),
            said.target_count(),
            said.error_count() + said.delivery_timed_out_count()
        ),
    }
}
