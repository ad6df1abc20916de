//! Incident to report. It can only look: nothing here can reach an actuator (J7).
//!
//! Reading order: [`investigate`] is the story; [`world`] looks, [`symptoms`], [`kinds`] and [`pull`] say
//! what is wrong, [`hypotheses`] weighs causes, [`verdict`] decides, [`history`] recalls what was alike, [`compose`] writes, [`mod@verify`] proves. Before
//! anything happens, [`readiness`] says what they could tell.

pub mod anomaly;
pub mod calibration;
pub mod catalogue;
pub mod compose;
pub mod constants;
pub mod derive;
pub mod excess;
pub mod facts;
pub mod history;
pub mod hypotheses;
pub mod kinds;
pub mod matching;
pub mod plan;
pub mod probes;
pub mod pull;
pub mod reach;
pub mod readiness;
pub mod role;
pub mod scene;
pub mod symptoms;
pub mod verdict;
pub mod verify;
mod ways;
pub mod words;
pub mod world;

use analysis::precedents::BaseRates;
use model::ports::Eyes;
use model::report::{BudgetLimit, Report};

pub use catalogue::{Catalogue, Mechanism, catalogue};
pub use verify::{Discrepancy, verify};
pub use world::Step;

/// What one case may spend where nobody says otherwise.
pub const DEFAULT_BUDGET: BudgetLimit = BudgetLimit { reads: 60 };

/// Reads the catalogue, so that the first case of a measured run does not pay for all.
pub fn warm_up() {
    matching::compiled();
}

/// From alarms to report. The same eyes and budget give the same report, byte for byte.
pub fn investigate(eyes: &dyn Eyes, budget: BudgetLimit, progress: &mut dyn FnMut(Step)) -> Report {
    consider(
        eyes,
        budget,
        progress,
        |world, ground, hypotheses, progress| {
            let judged = history::judge(world, ground, hypotheses);
            progress(Step::Writing);
            compose::compose(world, ground, &judged, budget)
        },
    )
}

/// Looks and weighs, and hands what was seen and every hypothesis, best first, to `conclude`: for whoever
/// wants to know why a verdict is what it is.
pub fn consider<R>(
    eyes: &dyn Eyes,
    budget: BudgetLimit,
    progress: &mut dyn FnMut(Step),
    conclude: impl FnOnce(
        &world::World<'_>,
        &hypotheses::Ground<'_>,
        &[hypotheses::Hypothesis],
        &mut dyn FnMut(Step),
    ) -> R,
) -> R {
    let world = world::World::survey(eyes, budget, progress);
    let mut symptoms = symptoms::seen(&world.scene, eyes, &world.facts);
    let kinds = kinds::seen(&world.scene, &world.facts);
    let anomalies = pull::anomalies(&world.scene, eyes, &world.facts);
    let starts = world
        .scene
        .alarmed
        .iter()
        .copied()
        .chain(symptoms.iter().map(|s| s.unit))
        .chain(kinds.iter().map(|k| k.unit));
    let reach = reach::Reach::from(&world.scene, starts);
    symptoms::add_silent_alarms(
        &world.scene,
        eyes,
        &world.facts,
        &reach,
        &anomalies,
        &mut symptoms,
    );
    let matcher = matching::Matcher::new(&world.scene, &world.facts, matching::compiled());
    let rates = BaseRates::of(&world.lessons);
    let ground = hypotheses::Ground {
        scene: &world.scene,
        facts: &world.facts,
        symptoms: &symptoms,
        anomalies: &anomalies,
        kinds: &kinds,
        reach: &reach,
        matcher: &matcher,
        rates: &rates,
    };
    let hypotheses = hypotheses::weigh(&ground);
    progress(Step::Weighing(hypotheses.len()));
    conclude(&world, &ground, &hypotheses, progress)
}
