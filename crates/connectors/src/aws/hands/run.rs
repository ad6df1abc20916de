//! Something of the owner's that is run for an entity: a document of Systems Manager or a build of CodeBuild, named with
//! all that it may be given.
//!
//! What is altered elsewhere is held against what is so; of a run nobody can say afterwards what it altered. So each is
//! known again by the key of its step: AWS holds it for as long as it tells of runs, and it is looked for there before
//! anything is begun. It is begun once, and never stopped: half a runbook is worse than a whole one, and whoever has the
//! watch next finds it by the same key. One that ended badly is neither begun again nor taken back: a person must look.

use std::collections::BTreeMap;

use model::EntityId;
use model::action::{Action, StepKey};
use model::time::{SECOND, Span, Timestamp};
use sha2::Digest as _;

use super::Trouble;
use super::bench::{At, Work};
use super::build::Project;
use super::document::Document;
use super::former::cannot;
use super::matter::Update;

/// So far back it is looked for what was run.
pub(super) const BACK: Span = Span(24 * 60 * 60 * SECOND);
/// Between two looks at what runs.
pub(super) const PACE: Span = Span(5 * SECOND);

/// A run as AWS tells of it.
#[derive(Clone, Debug)]
pub(super) struct One {
    /// AWS's own name for it.
    pub id: String,
    /// It was begun under the key of this step.
    pub ours: bool,
    pub began: Option<Timestamp>,
    pub stands: Update,
    /// How far it is or came, in AWS's words.
    pub far: String,
}

/// What is run.
pub(super) enum What {
    Document(Document),
    Build(Project),
}

/// Asks whichever it is.
macro_rules! each {
    ($what:expr, $one:ident => $asked:expr) => {
        match $what {
            What::Document($one) => $asked,
            What::Build($one) => $asked,
        }
    };
}

/// A run that is to be.
pub(super) struct Run {
    at: At,
    what: What,
    /// The newest first.
    seen: Vec<One>,
    /// What this program began under the key, whether AWS tells of it yet or not.
    begun: Option<String>,
}

/// Only what is named is given, with a value that is named.
pub(super) fn permitted(
    runbook: &str,
    named: &BTreeMap<String, Vec<String>>,
    given: &BTreeMap<String, String>,
) -> Result<(), Trouble> {
    for (name, value) in given {
        let Some(values) = named.get(name) else {
            return cannot(format!(
                "{name} is not among what {runbook} may be given; name it with its values where {runbook} is named"
            ));
        };
        if !values.contains(value) {
            return cannot(format!("{name} of {runbook} may be {}", values.join(", ")));
        }
    }
    Ok(())
}

/// Of what may be given, that of which there is no choice.
pub(super) fn only_values(named: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, String> {
    let single = named.iter().filter_map(|(name, values)| match &values[..] {
        [one] => Some((name.clone(), one.clone())),
        _ => None,
    });
    single.collect()
}

/// A key in the form that AWS's tokens have.
pub(super) fn token(key: &StepKey) -> String {
    let hash = sha2::Sha256::digest(key.0.as_bytes());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..32],
    ]
    .join("-")
}

impl Work<'_> {
    /// What the action asks to be run, and what was run of it lately.
    pub async fn run(&self, action: &Action) -> Result<Run, Trouble> {
        let Action::RunRunbook {
            entity,
            runbook,
            parameters,
        } = action
        else {
            return cannot("that is nothing to be run");
        };
        let named = &self.settings.named;
        let ours = |name: &str, whose: &EntityId| name == runbook && whose == entity;
        let mut documents = named.runbooks.iter();
        let document = documents.find(|one| ours(&one.document, &one.entity));
        let mut builds = named.builds.iter();
        let build = builds.find(|one| ours(&one.project, &one.entity));
        match (document, build) {
            (Some(document), _) => self.documented(document, parameters).await,
            (None, Some(build)) => self.built(build, parameters).await,
            (None, None) => cannot(format!(
                "{runbook} is not among what these hands may run for {entity}; name it in their runbooks or builds"
            )),
        }
    }

    /// A run of that, with what was run of it lately.
    pub async fn running(&self, at: At, what: What) -> Result<Run, Trouble> {
        let mut run = Run {
            at,
            what,
            seen: Vec::new(),
            begun: None,
        };
        run.look(self).await?;
        Ok(run)
    }

    /// Was this begun under the key of this step? By its id, where this program began it.
    pub fn is_ours(&self, id: &str, marked: impl Fn(&StepKey) -> bool) -> bool {
        let Some(key) = &self.key else {
            return false;
        };
        self.begun().get(key).is_some_and(|begun| begun == id) || marked(key)
    }
}

impl Run {
    fn ours(&self) -> Option<&One> {
        self.seen.iter().find(|one| one.ours)
    }

    /// Was it begun? What it is to alter only its owner knows.
    pub fn is_so(&self) -> bool {
        self.ours().is_some() || self.begun.is_some()
    }

    pub fn update(&self) -> Update {
        match (self.ours(), &self.begun) {
            (Some(one), _) => one.stands.clone(),
            (None, Some(_)) => Update::Going,
            (None, None) => Update::Over,
        }
    }

    /// Why nobody can say what came of it: it goes on, or ended badly.
    pub fn doubt(&self) -> Option<String> {
        let Some(one) = self.ours() else {
            let id = self.begun.as_ref()?;
            return Some(format!("{id} was begun, and AWS does not tell of it yet"));
        };
        match &one.stands {
            Update::Going => Some(format!("{} goes on: {}", one.id, one.far)),
            Update::Broken(why) => Some(format!(
                "{} ended badly ({why}): {}. What it altered is not known: it is neither begun again nor taken back",
                one.id, one.far
            )),
            Update::Over | Update::Coming(_) => None,
        }
    }

    /// How it went the last time.
    pub fn before(&self) -> String {
        let name = each!(&self.what, one => one.name());
        match self.seen.iter().find(|one| !one.ours) {
            None => format!("{name} was not run in the last 24 h"),
            Some(last) => {
                let began = last
                    .began
                    .map_or(String::new(), |at| format!(", begun {at}"));
                format!("{name} was run last as {}{began}: {}", last.id, last.far)
            }
        }
    }

    pub fn after(&self) -> String {
        let said = each!(&self.what, one => one.after());
        match self.ours() {
            Some(one) => format!("{said}; {}: {}", one.id, one.far),
            None => said,
        }
    }

    pub fn undo(&self) -> Option<Action> {
        each!(&self.what, one => one.undo())
    }

    /// Nobody but its owner knows.
    pub fn harms_nobody(&self) -> bool {
        false
    }

    pub fn touches(&self) -> Vec<EntityId> {
        each!(&self.what, one => one.touches())
    }

    pub async fn write(&self, work: &Work<'_>) -> Result<(), Trouble> {
        let Some(key) = &work.key else {
            return cannot("a run needs the key of its step");
        };
        let under_way = self.seen.iter().find(|one| one.stands == Update::Going);
        if let Some(other) = under_way {
            return cannot(format!(
                "{} is under way, begun by somebody else: nothing was begun beside it",
                other.id
            ));
        }
        let id = match &self.what {
            What::Document(one) => one.begin(work, &self.at, key).await?,
            What::Build(one) => one.begin(work, &self.at, key).await?,
        };
        work.begun().insert(key.clone(), id);
        Ok(())
    }

    pub async fn look(&mut self, work: &Work<'_>) -> Result<(), Trouble> {
        self.seen = match &self.what {
            What::Document(one) => one.runs(work, &self.at).await?,
            What::Build(one) => one.runs(work, &self.at).await?,
        };
        let begun = work
            .key
            .as_ref()
            .and_then(|key| work.begun().get(key).cloned());
        self.begun = begun;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_same_for_the_same_key() {
        let one = token(&StepKey("0123456789abcdef01234567-0-do-1".to_string()));
        let parts: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{one}");
        assert!(
            one.bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
        );
        let same = token(&StepKey("0123456789abcdef01234567-0-do-1".to_string()));
        let other = token(&StepKey("0123456789abcdef01234567-0-do-2".to_string()));
        assert!(one == same && one != other);
    }

    #[test]
    fn what_has_one_value_is_no_choice() {
        let named = BTreeMap::from([
            (
                "Mode".to_string(),
                vec!["soft".to_string(), "hard".to_string()],
            ),
            ("Team".to_string(), vec!["shop".to_string()]),
        ]);
        let only = only_values(&named);
        assert_eq!(
            only,
            BTreeMap::from([("Team".to_string(), "shop".to_string())])
        );
        assert!(permitted("Drain", &named, &only).is_ok());
        for (name, value) in [("Team", "pay"), ("Size", "1")] {
            let given = BTreeMap::from([(name.to_string(), value.to_string())]);
            assert!(permitted("Drain", &named, &given).is_err(), "{name}");
        }
    }
}
