//! One cause, as a card.

use model::report::{Cause, PredictionOutcome, Word};

use super::{Sheet, cited};
use crate::dress::chain;
use crate::dress::pencil::{Piece, Tone};
use crate::dress::words;

impl Sheet<'_> {
    /// What broke, how sure, why, what speaks against it, and the way back.
    pub(super) fn cause(&self, place: usize, cause: &Cause) -> String {
        let tone = match cause.word {
            Word::Confirmed => Tone::Bad,
            Word::Probable | Word::Possible => Tone::Warn,
        };
        let between = self.pencil.sign(" \u{b7} ", " | ");
        let mut out = self.pencil.paragraph(
            &format!("{place:>2}. "),
            4,
            &[
                (Tone::Strong, words::capital(&cause.title)),
                (Tone::Plain, "at".into()),
                (Tone::Strong, self.names.name(&cause.entity).to_string()),
            ],
        );
        out += &self.pencil.paragraph(
            "    ",
            4,
            &[
                (tone, self.pencil.meter(cause.confidence, 20)),
                (
                    tone,
                    format!("{} {:.2}", cause.word.text(), cause.confidence),
                ),
            ],
        );
        let mut facts = vec![
            cause.category.words().to_string(),
            self.names.kind(&cause.entity).to_string(),
        ];
        facts.extend(
            cause
                .onset
                .map(|onset| format!("began {}", words::onset(onset))),
        );
        facts.extend(
            cause
                .change
                .as_ref()
                .map(|id| format!("change {}", words::change_id(id))),
        );
        facts.push(cause.mechanism.to_string());
        out += &self
            .pencil
            .paragraph("    ", 4, &[(Tone::Faint, facts.join(between))]);
        // The verdict often is the cause's own sentence; nobody needs to read it twice.
        if self
            .report
            .verdict
            .iter()
            .all(|claim| claim.text != cause.claim.text)
        {
            out += &self.claim("    ", 4, Tone::Plain, &cause.claim);
        }
        if !cause.path.is_empty() {
            out += &self
                .pencil
                .paragraph("    path      ", 14, &self.path(cause));
        }
        for claim in &cause.supports {
            out += &self.labelled("for", Tone::Good, claim);
        }
        for claim in &cause.contradicts {
            out += &self.labelled("against", Tone::Warn, claim);
        }
        out += &self.predictions(cause);
        if !cause.explains.is_empty() {
            out += &self
                .pencil
                .paragraph("    without   ", 14, &self.unexplained_without(cause));
        }
        for cap in &cause.caps {
            out += &self
                .pencil
                .paragraph("    capped    ", 14, &[(Tone::Warn, cap.clone())]);
        }
        for (index, way) in cause.mitigations.iter().enumerate() {
            let label = if index == 0 {
                "    way back  "
            } else {
                "    or        "
            };
            let steps = [
                ("", &way.apply),
                ("First:", &way.prepare),
                ("Then check:", &way.verify),
                ("To undo:", &way.roll_back),
                ("Risk:", &way.risk),
                ("Approval:", &way.approver),
            ];
            let mut pieces = vec![(Tone::Strong, format!("{}:", way.action))];
            for (label, text) in steps.iter().filter(|(_, text)| !text.is_empty()) {
                pieces.push((Tone::Faint, (*label).to_string()));
                pieces.push((Tone::Plain, (*text).clone()));
            }
            out += &self.pencil.paragraph(label, 14, &pieces);
        }
        out
    }

    /// `orders-db -> orders -> checkout`, in the direction in which the failure travelled. Links that
    /// do not continue the one before begin a new chain after a semicolon.
    fn path(&self, cause: &Cause) -> Vec<Piece> {
        let arrow = self.pencil.sign("\u{2192}", "->");
        let mut pieces: Vec<Piece> = Vec::new();
        let mut end = None;
        for link in chain::ordered(cause) {
            if end != Some(&link.to) {
                if let Some((_, text)) = pieces.last_mut() {
                    text.push(';');
                }
                pieces.push((Tone::Strong, self.names.name(&link.to).to_string()));
            }
            pieces.push((
                Tone::Faint,
                format!("{arrow} {}", words::carries(link.kind)),
            ));
            pieces.push((Tone::Plain, self.names.name(&link.from).to_string()));
            pieces.extend(cited(&link.evidence));
            end = Some(&link.from);
        }
        pieces
    }

    fn predictions(&self, cause: &Cause) -> String {
        if cause.predictions.is_empty() {
            return String::new();
        }
        let mut out = String::new();
        for (index, prediction) in cause.predictions.iter().enumerate() {
            let (sign, tone) = match prediction.outcome {
                PredictionOutcome::Met => ("+", Tone::Good),
                PredictionOutcome::Unmet => ("-", Tone::Warn),
                PredictionOutcome::Untested => ("?", Tone::Faint),
            };
            let label = if index == 0 {
                "    predicted "
            } else {
                "              "
            };
            let mut pieces = vec![
                (
                    tone,
                    format!("{sign} {}", words::outcome(prediction.outcome)),
                ),
                (
                    Tone::Faint,
                    format!("({})", words::force(&prediction.force)),
                ),
                (Tone::Plain, prediction.text.clone()),
            ];
            pieces.extend(cited(&prediction.evidence));
            out += &self.pencil.paragraph(label, 16, &pieces);
        }
        out
    }

    fn unexplained_without(&self, cause: &Cause) -> Vec<Piece> {
        let left: Vec<String> = cause
            .explains
            .iter()
            .filter_map(|index| self.report.symptoms.get(*index as usize))
            .map(|s| format!("{} of {}", s.aspect, self.names.name(&s.entity)))
            .collect();
        vec![(
            Tone::Plain,
            format!("it, nothing explains: {}", left.join(", ")),
        )]
    }
}
