//! The report at a terminal: the verdict first, for someone who was asleep a minute ago.

mod cause;

use model::report::{Claim, GapCost, Picture, Report, RuledOut, Status, TimelineEntry};
use model::{EvidenceId, Timestamp};

use super::pencil::{self, Pencil, Piece, Tone};
use super::text::{columns, count, number, shorten};
use super::words::{self, Names};

/// So many of the ruled out are told for each reason: at night, the first show the kind.
const FEW: usize = 8;

/// The whole report, in the order in which it is needed at night.
pub fn report(report: &Report, pencil: &Pencil) -> String {
    let sheet = Sheet {
        report,
        pencil,
        names: Names::of(report),
    };
    [
        sheet.head(),
        sheet.verdict(),
        sheet.impact(),
        sheet.causes(),
        sheet.unknown(),
        sheet.timeline(),
        sheet.pictures(),
        sheet.ruled_out(),
        sheet.latent(),
        sheet.gaps(),
        sheet.precedents(),
        sheet.queries(),
        sheet.foot(),
    ]
    .concat()
}

/// Its beginning: the verdict, and the causes with their evidence.
pub fn causes(report: &Report, pencil: &Pencil) -> String {
    let sheet = Sheet {
        report,
        pencil,
        names: Names::of(report),
    };
    [sheet.verdict(), sheet.causes()].concat()
}

struct Sheet<'a> {
    report: &'a Report,
    pencil: &'a Pencil,
    names: Names<'a>,
}

impl Sheet<'_> {
    fn head(&self) -> String {
        let header = &self.report.header;
        let tone = match header.status {
            Status::CauseFound => Tone::Bad,
            Status::Unknown => Tone::Warn,
            Status::Recovered | Status::NoActiveFault => Tone::Good,
        };
        let badge = format!("[{}]", words::status(header.status).to_uppercase());
        let mut out = self.pencil.paragraph(
            "",
            0,
            &[(tone, badge), (Tone::Strong, header.title.clone())],
        );
        let mut facts = vec![format!("case {}", header.case)];
        facts.extend(header.severity.map(|s| words::severity(s).to_string()));
        facts.extend(
            header
                .started
                .map(|onset| format!("began {} {}", words::day(onset.hi), words::onset(onset))),
        );
        facts.extend(
            header
                .resolved
                .map(|onset| format!("over {}", words::onset(onset))),
        );
        if header.resolved.is_none() && header.status != Status::NoActiveFault {
            facts.push(format!("looked at {} UTC", header.looked_at.clock()));
        }
        let between = self.pencil.sign(" \u{b7} ", " | ");
        out += &self
            .pencil
            .paragraph("", 0, &[(Tone::Faint, facts.join(between))]);
        out += &self.pencil.rule();
        out
    }

    fn verdict(&self) -> String {
        let mut out = String::new();
        for (index, claim) in self.report.verdict.iter().enumerate() {
            let number = format!("{:>2}  ", index + 1);
            let tone = if index == 0 {
                Tone::Strong
            } else {
                Tone::Plain
            };
            out += &self.claim(&number, 4, tone, claim);
        }
        out
    }

    fn impact(&self) -> String {
        if self.report.impact.is_empty() && self.report.symptoms.is_empty() {
            return String::new();
        }
        let mut out = self.pencil.heading("Who is hurt");
        for claim in &self.report.impact {
            out += &self.claim("  ", 2, Tone::Plain, claim);
        }
        for symptom in &self.report.symptoms {
            let tone = if symptom.active {
                Tone::Plain
            } else {
                Tone::Faint
            };
            out += &self.claim(self.bullet(), 4, tone, &symptom.claim);
        }
        out
    }

    fn causes(&self) -> String {
        if self.report.causes.is_empty() {
            return String::new();
        }
        let several = self.report.causes.len() > 1;
        let mut out = self.pencil.heading(if several {
            "Causes, each needed to explain what is seen"
        } else {
            "Cause"
        });
        for (index, cause) in self.report.causes.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            out += &self.cause(index + 1, cause);
        }
        out
    }

    fn unknown(&self) -> String {
        let Some(unknown) = &self.report.unknown else {
            return String::new();
        };
        let mut out = self.pencil.heading("Not explained");
        out += &self.claim("  ", 2, Tone::Warn, &unknown.claim);
        let names: Vec<&str> = unknown
            .entities
            .iter()
            .map(|id| self.names.name(id))
            .collect();
        out += &self.pencil.paragraph(
            "  it lies within  ",
            18,
            &[(Tone::Strong, names.join(", "))],
        );
        for (index, read) in unknown.reads.iter().enumerate() {
            let label = if index == 0 {
                "  to settle it    "
            } else {
                "                  "
            };
            out += &self
                .pencil
                .paragraph(label, 18, &[(Tone::Plain, read.clone())]);
        }
        out
    }

    fn timeline(&self) -> String {
        if self.report.timeline.is_empty() {
            return String::new();
        }
        let mut out = self.pencil.heading("Timeline (UTC)");
        let mut day = String::new();
        for entry in &self.report.timeline {
            let today = words::day(entry.at);
            if today != day {
                out += &format!("  {}\n", self.pencil.paint(Tone::Faint, &today));
                day = today;
            }
            out += &self.moment(entry);
        }
        out
    }

    fn moment(&self, entry: &TimelineEntry) -> String {
        let tone = match entry.kind.as_str() {
            "onset" | "alarm" => Tone::Bad,
            "change" | "gap" => Tone::Warn,
            "recovery" => Tone::Good,
            _ => Tone::Plain,
        };
        let kind = shorten(&super::text::plain(&entry.kind), 9);
        let pad = " ".repeat(9_usize.saturating_sub(columns(&kind)));
        let first = format!(
            "  {}  {}{pad} ",
            entry.at.clock(),
            self.pencil.paint(tone, &kind)
        );
        let mut pieces = Vec::new();
        if let Some(until) = entry.until {
            pieces.push((Tone::Faint, format!("until {}:", until.clock())));
        }
        pieces.extend(pieces_of(Tone::Plain, &entry.claim));
        self.pencil_paragraph_after(&first, 22, &pieces)
    }

    /// A paragraph whose first line begins with text that may hold colours already: the plain width is
    /// handed in, since escape sequences take no columns.
    fn pencil_paragraph_after(&self, first: &str, hang: usize, pieces: &[Piece]) -> String {
        let body = self.pencil.paragraph(&" ".repeat(hang), hang, pieces);
        let body = body.strip_prefix(&" ".repeat(hang)).unwrap_or("\n");
        format!("{first}{body}")
    }

    fn pictures(&self) -> String {
        if self.report.pictures.is_empty() {
            return String::new();
        }
        let mut out = self.pencil.heading("Seen");
        for picture in &self.report.pictures {
            out += &self.picture(picture);
        }
        out
    }

    fn picture(&self, picture: &Picture) -> String {
        let mut points: Vec<(i64, f64)> = picture
            .times
            .iter()
            .map(|t| t.0)
            .zip(picture.values.iter().copied())
            .collect();
        points.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (times, values): (Vec<i64>, Vec<f64>) = points.into_iter().unzip();
        let (Some(begin), Some(end)) = (times.first(), times.last()) else {
            return String::new();
        };
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let facts = format!(
            "{} to {}{}, {} to {}",
            number(low),
            number(high),
            words::unit(&picture.unit),
            Timestamp(*begin).clock(),
            Timestamp(*end).clock()
        );
        let mut pieces = vec![(Tone::Strong, picture.title.clone()), (Tone::Faint, facts)];
        pieces.extend(cited(&[picture.evidence]));
        let mut out = self.pencil.paragraph("  ", 4, &pieces);
        let cells = pencil::cells(&times, self.pencil.width.saturating_sub(6).min(90));
        let line = self.pencil.spark(&times, &values, cells);
        out += &format!("    {}\n", line.trim_end());
        if let Some(onset) = picture.onset {
            let lo = pencil::cell(&times, onset.lo.0, cells);
            let hi = pencil::cell(&times, onset.hi.0, cells);
            let mark = self
                .pencil
                .sign("\u{25b2}", "^")
                .repeat(hi.saturating_sub(lo) + 1);
            let line = if hi + 7 <= cells {
                format!("{}{mark} onset", " ".repeat(lo))
            } else {
                format!("{}onset {mark}", " ".repeat(lo.saturating_sub(6)))
            };
            out += &format!("    {}\n", self.pencil.paint(Tone::Bad, &line));
        }
        out
    }

    /// By reason, in the order in which the reasons first occur; of many, the first few of each.
    fn ruled_out(&self) -> String {
        if self.report.ruled_out.is_empty() {
            return String::new();
        }
        let mut out = self.pencil.heading("Ruled out");
        let mut reasons: Vec<&str> = Vec::new();
        for item in &self.report.ruled_out {
            if !reasons.contains(&item.reason.as_str()) {
                reasons.push(&item.reason);
            }
        }
        for reason in reasons {
            let items: Vec<&RuledOut> = self
                .report
                .ruled_out
                .iter()
                .filter(|item| item.reason == reason)
                .collect();
            let title = format!("{} ({}):", words::ruled_out(reason), items.len());
            out += &self.pencil.paragraph("  ", 2, &[(Tone::Good, title)]);
            for item in items.iter().take(FEW) {
                let mut pieces =
                    vec![(Tone::Strong, format!("{}:", self.names.name(&item.entity)))];
                pieces.extend(pieces_of(Tone::Plain, &item.claim));
                out += &self.pencil.paragraph(self.bullet(), 4, &pieces);
            }
            if items.len() > FEW {
                let more = format!(
                    "and {} more; the other formats list them all",
                    items.len() - FEW
                );
                out += &self.pencil.paragraph("    ", 4, &[(Tone::Faint, more)]);
            }
        }
        out
    }

    fn latent(&self) -> String {
        if self.report.latent.is_empty() {
            return String::new();
        }
        let mut out = self.pencil.heading("Also wrong, but not the cause");
        for item in &self.report.latent {
            let mut pieces = vec![(Tone::Strong, format!("{}:", self.names.name(&item.entity)))];
            pieces.extend(pieces_of(Tone::Plain, &item.claim));
            out += &self.pencil.paragraph(self.bullet(), 4, &pieces);
        }
        out
    }

    fn gaps(&self) -> String {
        if self.report.gaps.is_empty() {
            return String::new();
        }
        let mut out = self.pencil.heading("What could not be seen");
        for gap in &self.report.gaps {
            out += &self.gap(gap);
        }
        out
    }

    fn gap(&self, gap: &GapCost) -> String {
        let mut wanted = gap.wanted.clone();
        if let Some(entity) = &gap.entity {
            wanted += &format!(" of {}", self.names.name(entity));
        }
        let mut pieces = vec![(Tone::Strong, format!("{wanted}:"))];
        pieces.push((Tone::Warn, format!("{}.", words::gap_reason(gap.why))));
        if !gap.detail.is_empty() {
            pieces.push((Tone::Faint, format!("\"{}\"", gap.detail)));
        }
        if gap.gain > 0.0 {
            pieces.push((
                Tone::Plain,
                format!("Could add {:.2} of confidence.", gap.gain),
            ));
        }
        if !gap.affects.is_empty() {
            pieces.push((
                Tone::Plain,
                format!("Leaves untested: {}.", gap.affects.join(", ")),
            ));
        }
        if !gap.how_to_close.is_empty() {
            pieces.push((Tone::Plain, format!("To close: {}", gap.how_to_close)));
        }
        self.pencil.paragraph(self.bullet(), 4, &pieces)
    }

    fn precedents(&self) -> String {
        if self.report.precedents.is_empty() {
            return String::new();
        }
        let mut out = self
            .pencil
            .heading("Earlier incidents like it (shown, never decisive)");
        for precedent in &self.report.precedents {
            let mut pieces = vec![
                (Tone::Strong, precedent.case.clone()),
                (
                    Tone::Faint,
                    format!(
                        "of {}, {:.2} alike:",
                        words::day(precedent.at),
                        precedent.similarity
                    ),
                ),
                (Tone::Plain, format!("{}.", precedent.was)),
            ];
            let more = [
                (Tone::Good, words::put_right(precedent)),
                (Tone::Faint, words::alike(precedent)),
            ];
            pieces.extend(more.into_iter().filter(|(_, text)| !text.is_empty()));
            pieces.extend(cited(&precedent.claim.evidence));
            out += &self.pencil.paragraph(self.bullet(), 4, &pieces);
        }
        out
    }

    fn queries(&self) -> String {
        if self.report.queries.is_empty() {
            return String::new();
        }
        let mut out = self.pencil.heading("Asked");
        for run in &self.report.queries {
            let (sign, tone) = match run.answer.as_str() {
                "found" => ("+", Tone::Good),
                "nothing" => ("o", Tone::Faint),
                _ => ("?", Tone::Warn),
            };
            let rows = match run.answer.as_str() {
                "found" => format!("({} rows)", count(run.rows)),
                other => format!("({})", other.replace('_', " ")),
            };
            let mut pieces = vec![(Tone::Plain, run.query.to_string()), (Tone::Faint, rows)];
            // What came of it, so that a reader gets from [E3] in a sentence to what was asked.
            let gave: Vec<EvidenceId> = self
                .report
                .evidence
                .iter()
                .filter(|evidence| evidence.query == run.query)
                .map(|evidence| evidence.id)
                .collect();
            pieces.extend(cited(&gave));
            let first = format!("  {} ", self.pencil.paint(tone, sign));
            out += &self.pencil_paragraph_after(&first, 4, &pieces);
        }
        // How the sources themselves are asked for what an observation stands on, ready to be copied.
        for evidence in &self.report.evidence {
            for (language, text) in super::words::own_words(self.report, &evidence.query) {
                let mut pieces = vec![(Tone::Faint, format!("{language}:")), (Tone::Plain, text)];
                pieces.extend(cited(&[evidence.id]));
                out += &self.pencil_paragraph_after("  > ", 4, &pieces);
            }
        }
        out
    }

    fn foot(&self) -> String {
        let report = self.report;
        let between = self.pencil.sign(" \u{b7} ", " | ");
        let mut facts = vec![
            format!("{} observations", report.evidence.len()),
            format!(
                "{} of {} reads",
                report.cost.reads, report.header.budget.reads
            ),
            format!("{} rows", count(report.cost.rows)),
            format!("midwatch {}", report.header.engine.version),
            format!("rules {}", shorten(&report.header.engine.rules, 15)),
            format!("ledger {}", shorten(&report.ledger, 15)),
        ];
        let spent = super::words::spent(report).into_iter();
        facts.extend(spent.map(|(name, cost)| format!("{name}: {cost}")));
        format!(
            "\n{}{}",
            self.pencil.rule(),
            self.pencil
                .paragraph("", 0, &[(Tone::Faint, facts.join(between))])
        )
    }

    fn bullet(&self) -> &'static str {
        self.pencil.sign("  \u{2022} ", "  * ")
    }

    fn claim(&self, first: &str, hang: usize, tone: Tone, claim: &Claim) -> String {
        self.pencil.paragraph(first, hang, &pieces_of(tone, claim))
    }

    fn labelled(&self, label: &str, tone: Tone, claim: &Claim) -> String {
        let pad = " ".repeat(10_usize.saturating_sub(columns(label)));
        let first = format!("    {}{pad}", self.pencil.paint(tone, label));
        self.pencil_paragraph_after(&first, 14, &pieces_of(Tone::Plain, claim))
    }
}

fn pieces_of(tone: Tone, claim: &Claim) -> Vec<Piece> {
    let mut pieces = vec![(tone, claim.text.clone())];
    pieces.extend(cited(&claim.evidence));
    pieces
}

/// `[E3 E4]`, or nothing.
fn cited(evidence: &[EvidenceId]) -> Option<Piece> {
    if evidence.is_empty() {
        return None;
    }
    let ids: Vec<String> = evidence.iter().map(ToString::to_string).collect();
    Some((Tone::Faint, format!("[{}]", ids.join(" "))))
}
