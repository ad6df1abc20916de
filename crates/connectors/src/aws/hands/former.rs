//! What was before a change, wherever AWS still holds it: the audit trail tells what was set last, and a published
//! version keeps the variables whose values the trail hides, and what else it no longer tells. What cannot be told for
//! certain is not guessed.

use std::collections::BTreeMap;

use model::time::{SECOND, Timestamp};

use super::Trouble;
use super::aim::Aim;
use super::bench::{At, Work};
use super::function::{Present, Published};
use super::parameter::Parameter;
use super::record::{Record, Told};
use super::trail::Earlier;

/// Lambda's calls that set how many copies may run, and the date behind each name in AWS's trail.
const LIMITS: [(&str, &str); 3] = [
    ("PutFunctionConcurrency", "20171031"),
    ("DeleteFunctionConcurrency", "20171031"),
    ("CreateFunction", "20150331"),
];
/// Those that set variables, role and parameters.
const SETTINGS: [(&str, &str); 2] = [
    ("UpdateFunctionConfiguration", "20150331v2"),
    ("CreateFunction", "20150331"),
];
/// The trail counts in seconds, and a function's own time of alteration may be a little off it.
const ABOUT: i64 = 2 * SECOND;

/// What to look for in the trail: its names are exact, so those of an emulator, which writes no dates, are others; and
/// whatever set it this time may have set it before.
fn names(calls: &[(&str, &str)], change: &Record) -> Vec<String> {
    let dated = change.name.contains(|c: char| c.is_ascii_digit());
    let mut names: Vec<String> = calls
        .iter()
        .map(|(call, date)| format!("{call}{}", if dated { date } else { "" }))
        .collect();
    if !names.contains(&change.name) {
        names.push(change.name.clone());
    }
    names
}

pub(super) fn cannot<T>(why: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Cannot(why.into()))
}

impl Earlier {
    /// The newest record that tells, if it is certain that it is the newest.
    pub(super) fn newest<T>(
        &self,
        change: &Record,
        tells: impl Fn(&Record) -> Option<T>,
    ) -> Result<Option<(&Record, T)>, Trouble> {
        for record in &self.records {
            if record.is("DeleteFunction") || record.is("DeleteService") {
                return cannot("it was deleted and made anew before that change");
            }
            let Some(told) = tells(record) else {
                continue;
            };
            if record.at.0 / SECOND >= change.at.0 / SECOND {
                return cannot(
                    "the same was altered twice within that second: which came first is not told",
                );
            }
            if record.at < self.whole_from {
                break;
            }
            return Ok(Some((record, told)));
        }
        Ok(None)
    }
}

impl Work<'_> {
    /// The state before that change of that function, as something to be so again.
    pub async fn former(&self, at: &At, present: &Present, change: &str) -> Result<Aim, Trouble> {
        let change = self.record(at, change).await?;
        if !change.altered(&at.name) {
            return cannot(format!("that change did not alter {}", at.name));
        }
        if let Some(set) = change.concurrency()
            && !change.is("CreateFunction")
        {
            return self.former_limit(at, present, &change, set).await;
        }
        if change.is("CreateFunction") {
            return cannot("before that change there was no such function");
        }
        if change.variables().is_none() && !change.gave_role() && change.gave().is_empty() {
            let rest = change.altered_else(None).join(", ");
            let of = match change.is("UpdateFunctionConfiguration") && !rest.is_empty() {
                true => format!(" of {rest}"),
                false => String::new(),
            };
            return cannot(format!(
                "{}{of} is none of the changes that these hands can put back: how many copies of a function may run, \
                 its variables, its role, its handler, its timeout, its memory",
                change.name
            ));
        }
        self.former_settings(at, present, &change).await
    }

    async fn former_limit(
        &self,
        at: &At,
        present: &Present,
        change: &Record,
        set: Option<u64>,
    ) -> Result<Aim, Trouble> {
        let earlier = self
            .earlier(at, change, &names(&LIMITS, change), |one| {
                one.altered(&at.name)
            })
            .await?;
        let Some((_, before)) = earlier.newest(change, Record::concurrency)? else {
            return cannot(
                "the audit trail does not reach back to what was set before: it keeps 90 days",
            );
        };
        if present.concurrency != set && present.concurrency != before {
            return cannot("it was altered again since that change");
        }
        Ok(Aim {
            concurrency: Some(before),
            ..Aim::default()
        })
    }

    async fn former_settings(
        &self,
        at: &At,
        present: &Present,
        change: &Record,
    ) -> Result<Aim, Trouble> {
        let earlier = self
            .earlier(at, change, &names(&SETTINGS, change), |one| {
                one.altered(&at.name)
            })
            .await?;
        let any = |record: &Record| {
            let sets = record.variables().is_some() || record.gave_role();
            (sets || record.is("UpdateFunctionConfiguration")).then_some(())
        };
        let last = earlier.newest(change, any)?.map(|(record, ())| record);
        let rest = change.altered_else(last);
        if !rest.is_empty() {
            return cannot(format!(
                "that change also set {}, which these hands do not put back",
                rest.join(", ")
            ));
        }
        let mut aim = Aim::default();
        if change.variables().is_some() {
            aim.variables = Some(self.former_variables(at, change, &earlier).await?);
        }
        if change.gave_role() {
            let role = |record: &Record| record.role().map(str::to_string);
            let Some((_, role)) = earlier.newest(change, role)? else {
                return cannot("the audit trail does not tell which role it had before");
            };
            // A request may name the role that was there already.
            if change.role() != Some(role.as_str()) {
                aim.role = Some(role);
            }
        }
        for one in change.gave() {
            if let Some(value) = self
                .former_parameter(at, present, change, &earlier, one)
                .await?
            {
                aim.parameters.insert(one, value);
            }
        }
        if aim == Aim::default() {
            return cannot("what that change set was so before it: there is nothing to put back");
        }
        if !aim.is_so(present) {
            unaltered_since(present, change)?;
        }
        Ok(aim)
    }

    async fn former_variables(
        &self,
        at: &At,
        change: &Record,
        earlier: &Earlier,
    ) -> Result<BTreeMap<String, String>, Trouble> {
        let last = earlier.newest(change, Record::variables)?;
        if let Some((_, Told::Values(values))) = last {
            return Ok(values);
        }
        let last = last.map(|(record, _)| record);
        let published = self.published(at, earlier, last, change).await?;
        match published.map(|one| one.variables) {
            Some(Ok(variables)) => Ok(variables),
            Some(Err(why)) => cannot(format!(
                "AWS does not show the variables of the version that was published before ({why})"
            )),
            None => cannot(
                "the audit trail hides the values of variables, and no version was published between their last \
                 setting and that change: set them by hand",
            ),
        }
    }

    /// What that parameter, which the change set, was before it; `None` if that was the same.
    async fn former_parameter(
        &self,
        at: &At,
        present: &Present,
        change: &Record,
        earlier: &Earlier,
        one: Parameter,
    ) -> Result<Option<String>, Trouble> {
        let name = one.name();
        let Some(set) = change.parameter(one).flatten() else {
            return cannot(format!(
                "the audit trail does not tell which {name} that change set"
            ));
        };
        // Calls to other services may have fields of the same names.
        let sets = |record: &Record| {
            let known = SETTINGS.iter().any(|(call, _)| record.is(call));
            known || record.name == change.name
        };
        let told = |record: &Record| sets(record).then(|| record.parameter(one)).flatten();
        let last = earlier.newest(change, told)?;
        let before = match last {
            Some((_, Some(value))) => Some(value),
            _ => {
                let last = last.map(|(record, _)| record);
                let published = self.published(at, earlier, last, change).await?;
                published.and_then(|version| version.parameters.get(&one).cloned())
            }
        };
        let Some(before) = before else {
            return cannot(format!(
                "neither the audit trail nor a published version tells which {name} the function had before that change: \
                 set it by hand"
            ));
        };
        // A request may name what was so already.
        if before == set {
            return Ok(None);
        }
        if let Some(now) = present.parameters.get(&one)
            && *now != set
            && *now != before
        {
            return cannot(format!(
                "the function's {name} was altered again since that change"
            ));
        }
        Ok(Some(before))
    }

    /// The newest version that was published after `last`, the newest record that tells, and before the change: of what was
    /// so in between it is a copy. Where no record tells, it is one as far back as none is missing.
    async fn published(
        &self,
        at: &At,
        earlier: &Earlier,
        last: Option<&Record>,
        change: &Record,
    ) -> Result<Option<Published>, Trouble> {
        let since = match last {
            Some(record) => record
                .modified()
                .unwrap_or(Timestamp(record.at.0.saturating_add(SECOND))),
            None => earlier.whole_from,
        };
        let versions = self.versions(at).await?;
        let mut fit: Vec<(Timestamp, Published)> = versions
            .into_iter()
            .filter_map(|one| Some((one.modified.parse::<Timestamp>().ok()?, one)))
            .filter(|(when, _)| *when >= since && when.0 < change.at.0)
            .collect();
        fit.sort_by_key(|(when, _)| *when);
        Ok(fit.pop().map(|(_, one)| one))
    }
}

/// Whoever altered the function after that change may have meant it: then nothing is put back.
fn unaltered_since(present: &Present, change: &Record) -> Result<(), Trouble> {
    let Ok(now) = present.modified.parse::<Timestamp>() else {
        return cannot("AWS does not tell when the function was last altered");
    };
    let then = change.modified().unwrap_or(change.at);
    if now.since(then).0.saturating_abs() > ABOUT {
        return cannot(format!(
            "the function was altered again at {now}, after that change at {then}"
        ));
    }
    Ok(())
}
