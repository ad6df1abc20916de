//! What one action is about: where that is, how it is now, and what is to be so. Each kind of thing has a file of its own,
//! and is asked the same by whoever previews, performs or looks.

use model::EntityId;
use model::action::Action;
use model::time::Span;

use super::bench::Work;
use super::function::Function;
use super::group::Group;
use super::run::{self, Run};
use super::service::Service;
use super::traffic::Shares;
use super::{AGAIN, BECOMES, Trouble};

/// How far it is with what is to be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Update {
    /// Whatever was asked for has taken effect.
    Over,
    /// Something is under way, and until it is over nothing else is taken.
    Going,
    /// It is set, and what runs follows: how far it is, for people.
    Coming(String),
    /// It never will: why.
    Broken(String),
}

/// One thing that is to be altered.
pub(super) enum Matter {
    Function(Box<Function>),
    Service(Service),
    Group(Group),
    Traffic(Shares),
    Run(Box<Run>),
}

/// Asks whichever it is.
macro_rules! each {
    ($matter:expr, $one:ident => $asked:expr) => {
        match $matter {
            Matter::Function($one) => $asked,
            Matter::Service($one) => $asked,
            Matter::Group($one) => $asked,
            Matter::Traffic($one) => $asked,
            Matter::Run($one) => $asked,
        }
    };
}

impl Work<'_> {
    /// What the action is about, as it is now.
    pub async fn matter(&self, action: &Action) -> Result<Matter, Trouble> {
        let entity = action.entity();
        if let Some(traffic) = self.shared(action) {
            return Ok(Matter::Traffic(self.shares(traffic, action).await?));
        }
        if let Action::FailOver { from, to } = action {
            return Err(Trouble::Cannot(format!(
                "no traffic that {from} and {to} carry is among what these hands may share out; name it in their traffic"
            )));
        }
        if let Action::RunRunbook { .. } = action {
            return Ok(Matter::Run(Box::new(self.run(action).await?)));
        }
        if let Action::RevertChange { change, .. } = action
            && let Some(run) = self.former_build(entity, change).await?
        {
            return Ok(Matter::Run(Box::new(run)));
        }
        let kind = entity.as_str().split_once('/').map(|(kind, _)| kind);
        Ok(match kind {
            Some("function") => Matter::Function(Box::new(self.function(action).await?)),
            Some("service") => Matter::Service(self.service(action).await?),
            Some("workload") => Matter::Group(self.group(action).await?),
            _ => {
                return Err(Trouble::Cannot(format!(
                    "these hands alter functions, and what is named in their services, groups and traffic, and run what is named in their runbooks and builds: not {entity}"
                )));
            }
        })
    }
}

impl Matter {
    /// Is it so?
    pub fn is_so(&self) -> bool {
        each!(self, one => one.is_so())
    }

    /// How far it is.
    pub fn update(&self) -> Update {
        each!(self, one => one.update())
    }

    /// What is so now of what is to be otherwise, for people.
    pub fn before(&self) -> String {
        each!(self, one => one.before())
    }

    /// What is to be so, for people.
    pub fn after(&self) -> String {
        each!(self, one => one.after())
    }

    /// The action that leads back, if there is one.
    pub fn undo(&self) -> Option<Action> {
        each!(self, one => one.undo())
    }

    /// Does it stop nothing, and start nothing that somebody may have stopped on purpose?
    pub fn harms_nobody(&self) -> bool {
        each!(self, one => one.harms_nobody())
    }

    /// Whoever would feel it.
    pub fn touches(&self, action: &Action) -> Vec<EntityId> {
        let mut touched = vec![action.entity().clone()];
        match self {
            Self::Traffic(shares) => touched.extend(shares.touches()),
            Self::Run(run) => touched.extend(run.touches()),
            Self::Function(_) | Self::Service(_) | Self::Group(_) => {}
        }
        touched.sort();
        touched.dedup();
        touched
    }

    /// Why nobody can say what became of what was begun; of what is only set, AWS always says.
    pub fn doubt(&self) -> Option<String> {
        match self {
            Self::Run(run) => run.doubt(),
            _ => None,
        }
    }

    /// Between two looks.
    fn pace(&self) -> Span {
        match self {
            Self::Run(_) => run::PACE,
            _ => AGAIN,
        }
    }

    /// Writes what is to be so: one request, sent once.
    pub async fn write(&self, work: &Work<'_>) -> Result<(), Trouble> {
        each!(self, one => one.write(work).await)
    }

    /// Looks again how it is.
    async fn look(&mut self, work: &Work<'_>) -> Result<(), Trouble> {
        each!(self, one => one.look(work).await)
    }

    /// Waits, as long as that may take, until nothing is under way.
    pub async fn settled(&mut self, work: &Work<'_>) -> Result<(), Trouble> {
        self.until(work, |matter| matter.update() != Update::Going)
            .await
    }

    /// Waits, as long as that may take, until it shows.
    pub async fn shows(&mut self, work: &Work<'_>) -> Result<(), Trouble> {
        self.until(work, |matter| match matter {
            // What a function will be is shown from the beginning.
            Self::Function(_) => matter.update() != Update::Going,
            // What is begun is to end.
            Self::Run(_) => matter.is_so() && matter.update() != Update::Going,
            _ => matter.is_so(),
        })
        .await
    }

    async fn until(
        &mut self,
        work: &Work<'_>,
        holds: impl Fn(&Self) -> bool,
    ) -> Result<(), Trouble> {
        let mut waited = 0;
        loop {
            self.look(work).await?;
            if holds(self) || waited >= BECOMES.0 {
                return Ok(());
            }
            work.pause(self.pace()).await;
            waited += self.pace().0;
        }
    }
}
