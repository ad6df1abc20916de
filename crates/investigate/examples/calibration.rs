//! Prints one line per case, `SET-VARIANT RAW RIGHT`, from which `investigate::calibration` was fitted: what
//! the competition of hypotheses says of the first cause named, and whether that cause was right. Each case
//! is judged whole and with one kind of telemetry removed, so that weak verdicts are among them.
//!
//! `cargo run --release -p midwatch-investigate --example calibration -- DATA`, where DATA holds the folders
//! `petshop`, `nezha-trainticket` and `rootcausebench`.

use std::path::Path;

use connectors::files::Case;
use connectors::files::datasets::{self, Suite, Truth};
use connectors::files::transform::{Modality, drop_modality};

/// Folders, and the kinds of telemetry whose removal still leaves a question with an answer.
const SETS: [(Suite, &str, &[Modality]); 3] = [
    (Suite::PetShop, "petshop", &[]),
    (
        Suite::Nezha,
        "nezha-trainticket",
        &[Modality::Metrics, Modality::Logs, Modality::Traces],
    ),
    (
        Suite::RootCauseBench,
        "rootcausebench",
        &[Modality::Metrics, Modality::Logs, Modality::Traces],
    ),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = std::env::args().nth(1).ok_or("say where the data lies")?;
    for (suite, folder, removed) in SETS {
        for found in datasets::cases(suite, &Path::new(&data).join(folder))? {
            let loaded = datasets::load(&found)?;
            pair(
                &format!("{}-whole", suite.word()),
                &loaded.case,
                &loaded.truth,
            );
            for modality in removed {
                let case = drop_modality(&loaded.case, *modality);
                pair(
                    &format!("{}-without-{modality:?}", suite.word()),
                    &case,
                    &loaded.truth,
                );
            }
        }
    }
    Ok(())
}

/// Judges one case and prints its line, if it names a cause.
fn pair(tag: &str, case: &Case, truth: &Truth) {
    investigate::consider(
        case,
        investigate::DEFAULT_BUDGET,
        &mut |_| {},
        |world, ground, hypotheses, _| {
            let verdict = investigate::verdict::decide(ground, hypotheses);
            let Some(named) = verdict.named.first() else {
                return;
            };
            let hypothesis = &hypotheses[named.hypothesis];
            let blamed = world.scene.id(hypothesis.unit);
            let change = hypothesis
                .change
                .map(|c| world.facts.changes[c as usize].change.id.clone());
            let right = match truth {
                Truth::PetShop(truth) => truth.node.as_ref() == Some(blamed),
                Truth::Nezha(truth) => truth.service.as_ref() == Some(blamed),
                Truth::RootCauseBench(truth) => truth.commit == change,
                Truth::OpenSre(_) => return,
            };
            println!(
                "{tag} {:.4} {}",
                verdict.raw[named.hypothesis],
                u8::from(right)
            );
        },
    );
}
