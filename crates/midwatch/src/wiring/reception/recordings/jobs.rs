//! Investigations that people asked for: how each is going, and its work.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use model::ports::Clock as _;
use model::report::{BudgetLimit, Report};
use server::api::recordings::{Going, Job};

use super::{UNPACKED, held, write_json};
use crate::wiring::live::SystemClock;

/// Those that are remembered.
#[derive(Default)]
pub struct Jobs {
    /// How many were begun.
    pub begun: u64,
    /// The oldest first.
    pub all: VecDeque<(Job, Option<Arc<Report>>)>,
}

/// An investigation on its way.
pub struct Work {
    /// Where it tells how it goes.
    pub jobs: Arc<Mutex<Jobs>>,
    /// Which.
    pub number: u64,
    /// What is investigated, a folder or an archive.
    pub place: PathBuf,
    /// Where the report is kept.
    pub told: Option<PathBuf>,
    /// What it may spend.
    pub budget: BudgetLimit,
}

/// Says that it failed, unless it was said before that it ended.
impl Drop for Work {
    fn drop(&mut self) {
        self.ended(Err("it broke off; the server's log says why".to_string()));
    }
}

impl Work {
    /// Investigates, and tells how it went.
    pub fn done(self) {
        let outcome = self.report();
        if let (Ok(report), Some(file)) = (&outcome, &self.told)
            && let Err(fault) = write_json(file, &**report)
        {
            tracing::warn!(%fault, "a report could not be kept; it is there until the server ends");
        }
        self.ended(outcome);
    }

    fn report(&self) -> Result<Arc<Report>, String> {
        // One thread: whoever keeps watch beside it has the rest.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(|error| format!("no thread could be had: {error}"))?;
        pool.install(|| {
            let opened = if self.place.is_dir() {
                crate::wiring::open(&self.place)
            } else {
                crate::wiring::open_within(&self.place, &UNPACKED)
            };
            let opened = opened.map_err(|problem| {
                tracing::warn!(%problem, "a recording could not be opened");
                "the recording cannot be opened any more".to_string()
            })?;
            let mut step = |step: investigate::Step| {
                let mut jobs = held(&self.jobs);
                if let Some(job) = jobs.numbered(self.number) {
                    job.0.step = crate::wiring::said(&step);
                    job.0.steps += 1;
                }
            };
            let report = investigate::investigate(opened.eyes(), self.budget, &mut step);
            Ok(Arc::new(report))
        })
    }

    fn ended(&self, outcome: Result<Arc<Report>, String>) {
        let mut jobs = held(&self.jobs);
        let Some((job, report)) = jobs.numbered(self.number) else {
            return;
        };
        if job.going != Going::Running {
            return;
        }
        job.ended = Some(SystemClock.now());
        match outcome {
            Ok(found) => {
                job.going = Going::Done;
                job.status = Some(found.header.status);
                *report = Some(found);
            }
            Err(why) => {
                job.going = Going::Failed;
                job.why = Some(why);
            }
        }
    }
}

impl Jobs {
    fn numbered(&mut self, number: u64) -> Option<&mut (Job, Option<Arc<Report>>)> {
        self.all.iter_mut().find(|(job, _)| job.number == number)
    }
}
