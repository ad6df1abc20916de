//! How well the watch is kept, for the terminal.

use learn::{Scores, Spread};

use super::pencil::{Pencil, Tone};

/// One line per figure; what was never measured says so. How soon they were opened is measured of the `open` ones as
/// well, so that both are counted at the top.
pub fn scores(scores: &Scores, open: usize, pencil: &Pencil) -> String {
    let closed = scores.incidents;
    let mut text = pencil.heading(&format!("{closed} closed, {open} open"));
    let spread = |name: &str, spread: &Spread| {
        let said = if spread.count == 0 {
            "not measured yet".to_string()
        } else {
            format!(
                "mean {}, half within {}, 95% within {} (of {})",
                spread.mean, spread.p50, spread.p95, spread.count
            )
        };
        pencil.paragraph(
            "  ",
            30,
            &[(Tone::Strong, format!("{name:<28}")), (Tone::Plain, said)],
        )
    };
    text += &spread("from the data to an incident", &scores.open);
    text += &spread("time to detect (MTTD)", &scores.detect);
    text += &spread("time to investigate (MTTI)", &scores.investigate);
    text += &spread("time to recover (MTTR)", &scores.recover);
    text += &spread("from a yes to recovered", &scores.approved_to_recovered);
    for (name, share) in [
        ("recoveries that worked", scores.recovery),
        ("false alarms", scores.false_alarms),
    ] {
        let said = share.value().map_or("none yet".to_string(), |value| {
            format!("{} of {} ({:.0}%)", share.hits, share.of, value * 100.0)
        });
        text += &pencil.paragraph(
            "  ",
            30,
            &[(Tone::Strong, format!("{name:<28}")), (Tone::Plain, said)],
        );
    }
    for (name, share) in [
        ("causes blamed rightly", scores.right),
        ("causes that were found", scores.found),
    ] {
        let said = share
            .value()
            .map_or("not known of any yet".to_string(), |value| {
                format!("{} of {} ({:.0}%)", share.hits, share.of, value * 100.0)
            });
        text += &pencil.paragraph(
            "  ",
            30,
            &[(Tone::Strong, format!("{name:<28}")), (Tone::Plain, said)],
        );
    }
    for sure in &scores.calibration {
        let said = format!(
            "sure to {:.2} in the mean: {} of {} were causes",
            sure.stated, sure.share.hits, sure.share.of
        );
        let name = format!("confidence {:.1} to {:.1}", sure.from, sure.to);
        text += &pencil.paragraph(
            "  ",
            30,
            &[(Tone::Strong, format!("{name:<28}")), (Tone::Plain, said)],
        );
    }
    for (mechanism, count) in &scores.mechanisms {
        text += &pencil.paragraph("  ", 4, &[(Tone::Plain, format!("{count} x {mechanism}"))]);
    }
    text
}
