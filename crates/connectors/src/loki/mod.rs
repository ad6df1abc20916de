//! Lines from Loki.
//!
//! [`Eyes::look`] reads backwards from the newest line, a page at a time. Where there are more lines than may be read,
//! the time is cut into slices of which each gives as many: what is new can then be told from what was always there,
//! which the newest lines alone would not show. Documented in `docs/connectors/loki.md`; the API:
//! <https://grafana.com/docs/loki/latest/reference/loki-http-api/>.

mod read;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::query::{Gap, GapReason};
use model::source::Asked;
use model::time::{Span, TimeWindow, Timestamp};
use model::{EntityId, SourceKind};

use crate::pull::{Brought, Call, GREETING, Live, Look, Met, Missed, Naming, Needs, Source};
use read::{Labels, Page, Row};

/// Slices that the time is cut into where there are too many lines.
const SLICES: i64 = 32;
/// Labels of which a server's streams have at least one, the most telling first.
const NAMING: [&str; 10] = [
    "service_name",
    "job",
    "app",
    "namespace",
    "container",
    "pod",
    "host",
    "instance",
    "hostname",
    "filename",
];

/// What to read, beyond where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Matchers that every stream must fit, such as `namespace="shop"`; empty for all.
    pub matching: String,
    /// Lines of one look.
    pub lines: u64,
    /// Lines of one answer.
    pub page: u64,
    /// Whom labels are about.
    pub naming: Naming,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            matching: String::new(),
            lines: 60_000,
            page: 5000,
            naming: Naming::default(),
        }
    }
}

/// All that is asked of such a server.
pub const NEEDS: Needs = Needs {
    calls: &[
        Call::get("/loki/api/v1/labels", "which labels there are"),
        Call::get("/loki/api/v1/query_range", "log lines"),
    ],
    grant: "",
};

/// The reading end.
pub struct Eyes {
    source: Source,
    settings: Settings,
}

/// The lines of one stretch of time.
#[derive(Default)]
struct Stretch {
    rows: Vec<Row>,
    /// There are more than were read.
    cut: bool,
    /// Why it was not read to its end.
    missed: Option<Missed>,
    /// Lines that lie outside of what was asked for.
    strays: u64,
}

impl Eyes {
    /// Of this server.
    pub fn new(source: Source, settings: Settings) -> Self {
        Self {
            source: source.only(&NEEDS),
            settings,
        }
    }

    fn all(
        &self,
        look: &mut Look<'_>,
        hull: TimeWindow,
        brought: &mut Brought,
    ) -> Result<(), Missed> {
        let (selector, ahead) = self.selector(look, hull)?;
        if ahead.0 != 0 {
            brought.gaps.push(self.source.off(ahead));
        }
        let Some(selector) = selector else {
            brought.seen = &[SourceKind::Logs];
            brought.gaps.push(self.empty());
            return Ok(());
        };
        let page = self
            .settings
            .page
            .clamp(1, 50_000)
            .min(self.settings.lines.max(1));
        let first = self.page(look, &selector, hull.from(), hull.to(), page)?;
        brought.seen = &[SourceKind::Logs];
        let stretches = if (first.rows.len() as u64) < page {
            vec![whole(first, hull)]
        } else if self.all_fit(&first, hull) {
            let most = self.settings.lines;
            vec![self.read(look, &selector, hull, page, most, Some(first))]
        } else {
            self.slices(look, &selector, hull, page)
        };
        let cut = stretches.iter().filter(|stretch| stretch.cut).count();
        let strays: u64 = stretches.iter().map(|stretch| stretch.strays).sum();
        let missed = stretches.iter().find_map(|stretch| stretch.missed.clone());
        let unread = stretches.iter().filter(|s| s.missed.is_some()).count();
        let all = stretches.len();
        let rows = stretches.into_iter().flat_map(|stretch| stretch.rows);
        self.fill(rows.collect(), &selector, brought);
        if cut > 0 {
            brought.gaps.push(Gap::new(format!("all lines of {}", self.name()), GapReason::Budget, format!(
                    "in {cut} of {all} stretches of time there are more lines than were read; of each the newest were"
                ), format!(
                    "narrow what is read with match in [connectors.{0}], or raise its lines",
                    self.name()
                )));
        }
        if let Some(missed) = missed {
            let wanted = format!("logs in {unread} of {all} stretches of time");
            brought.gaps.push(missed.gap(&wanted, self.name()));
        }
        if strays > 0 {
            brought.gaps.push(Gap::new(format!("the right lines of {}", self.name()), GapReason::Connector, format!(
                    "{strays} lines that it gave lie outside of the time that was asked for; they were left out"
                ), format!("check that {} is a Loki", self.source.address())).hiding([SourceKind::Logs]));
        }
        Ok(())
    }

    fn empty(&self) -> Gap {
        Gap::new(
            format!("logs of {}", self.name()),
            GapReason::NotInstrumented,
            "it answers, and none of its labels in this time names anybody",
            format!(
                "say in match of [connectors.{}] which streams are to be read",
                self.name()
            ),
        )
    }

    /// Which streams are read; `None` if none has a label that names somebody. And by how much its clock is ahead, if
    /// that matters.
    fn selector(
        &self,
        look: &mut Look<'_>,
        hull: TimeWindow,
    ) -> Result<(Option<String>, Span), Missed> {
        let fields = [
            ("start", hull.from().0.to_string()),
            ("end", hull.to().0.to_string()),
        ];
        let answered = look.ask("/loki/api/v1/labels", &fields)?;
        let ahead = self.source.ahead(answered.date);
        if !self.settings.matching.is_empty() {
            return Ok((Some(format!("{{{}}}", self.settings.matching)), ahead));
        }
        let known = read::names(&answered.body)?;
        let own = self.settings.naming.labels.keys().map(String::as_str);
        let found = own
            .chain(NAMING)
            .find(|name| known.iter().any(|known| known == name));
        Ok((found.map(|name| format!("{{{name}=~\".+\"}}")), ahead))
    }

    /// Would all lines fit, if there are always as many as lately?
    fn all_fit(&self, first: &Page, hull: TimeWindow) -> bool {
        let oldest = first.rows.iter().map(|row| row.time.0).min();
        let covered = oldest.map_or(1, |oldest| (hull.to().0 - oldest).max(1));
        let all = first.rows.len() as f64 * hull.length().0 as f64 / covered as f64;
        all <= self.settings.lines as f64
    }

    fn slices(
        &self,
        look: &mut Look<'_>,
        selector: &str,
        hull: TimeWindow,
        page: u64,
    ) -> Vec<Stretch> {
        let most = (self.settings.lines / SLICES as u64).max(1);
        let length = (hull.length().0 / SLICES).max(1);
        let mut stretches = Vec::new();
        // The newest first: if the budget ends, it is the oldest that is missing.
        for i in (0..SLICES).rev() {
            let from = hull.from().plus(Span(length.saturating_mul(i)));
            let to = match i {
                i if i == SLICES - 1 => hull.to(),
                _ => from.plus(Span(length)),
            };
            if let Some(slice) = TimeWindow::new(from, to) {
                stretches.push(self.read(look, selector, slice, page.min(most), most, None));
            }
        }
        stretches
    }

    /// Up to `most` lines of a stretch, the newest first.
    fn read(
        &self,
        look: &mut Look<'_>,
        selector: &str,
        window: TimeWindow,
        page: u64,
        most: u64,
        first: Option<Page>,
    ) -> Stretch {
        let mut stretch = Stretch::default();
        let mut seen: BTreeSet<(i64, String, String)> = BTreeSet::new();
        let mut end = window.to();
        let mut next = first;
        loop {
            let found = match next.take() {
                Some(found) => found,
                None => match self.page(look, selector, window.from(), end, page) {
                    Ok(found) => found,
                    Err(missed) => {
                        stretch.missed = Some(missed);
                        return stretch;
                    }
                },
            };
            let full = found.rows.len() as u64 >= page;
            let oldest = found.rows.iter().map(|row| row.time).min();
            let before = stretch.rows.len();
            for row in found.rows {
                if row.time < window.from() || row.time >= end {
                    // Some servers take the end as part of what is asked for.
                    stretch.strays += u64::from(row.time != end);
                    continue;
                }
                // Lines of the moment at which a page ended come twice.
                if seen.insert((row.time.0, row.stream.clone(), row.line.clone())) {
                    stretch.rows.push(row);
                }
            }
            let Some(oldest) = oldest.filter(|_| full) else {
                return stretch;
            };
            seen.retain(|(at, ..)| *at <= oldest.0);
            if stretch.rows.len() as u64 >= most {
                stretch.cut = true;
                return stretch;
            }
            let fresh = stretch.rows.len() > before;
            end = match (fresh, end.0 - oldest.0) {
                (true, gone) if gone > 1 => oldest.plus(Span(1)),
                // The whole page is of one moment: what else there is of it cannot be asked for.
                (true, _) => {
                    stretch.cut = true;
                    oldest
                }
                (false, 1) => {
                    stretch.cut = true;
                    oldest
                }
                (false, _) => {
                    let why = "it gives the same page again, whichever is asked for";
                    stretch.missed = Some(Missed::Strange(why.to_string()));
                    return stretch;
                }
            };
            if end <= window.from() {
                return stretch;
            }
        }
    }

    fn page(
        &self,
        look: &mut Look<'_>,
        selector: &str,
        from: Timestamp,
        to: Timestamp,
        lines: u64,
    ) -> Result<Page, Missed> {
        let fields = [
            ("query", selector.to_string()),
            ("start", from.0.to_string()),
            ("end", to.0.to_string()),
            ("limit", lines.to_string()),
            ("direction", "backward".to_string()),
        ];
        let answered = look.ask("/loki/api/v1/query_range", &fields)?;
        let page = read::page(&answered.body)?;
        look.warned(&page.warnings);
        Ok(page)
    }

    /// Lines in the order of time, each with its entity.
    fn fill(&self, mut rows: Vec<Row>, selector: &str, brought: &mut Brought) {
        rows.sort_by(|a, b| (a.time, &a.stream, &a.line).cmp(&(b.time, &b.stream, &b.line)));
        let file: Arc<str> = self.name().replace('.', "/").into();
        let mut met = Met::new();
        let mut known: BTreeMap<String, (EntityId, Labels)> = BTreeMap::new();
        for (i, row) in rows.into_iter().enumerate() {
            let (entity, _) = known
                .entry(row.stream.clone())
                .or_insert_with(|| {
                    let id = met.meet(&self.settings.naming, &row.labels);
                    (id, row.labels.clone())
                })
                .clone();
            let line = i as u64 + 1;
            brought
                .logs
                .push(read::told(row).own(entity, Arc::clone(&file), line));
        }
        brought.topology = met.topology();
        let mut shared: BTreeMap<EntityId, Labels> = BTreeMap::new();
        for (id, labels) in known.into_values() {
            shared
                .entry(id)
                .and_modify(|all| all.retain(|name, value| labels.get(name) == Some(value)))
                .or_insert(labels);
        }
        let asked = |entity: Option<EntityId>, text: String| Asked {
            kind: SourceKind::Logs,
            entity,
            metric: String::new(),
            statistic: String::new(),
            text,
        };
        let mut all = vec![asked(None, selector.to_string())];
        all.extend(shared.into_iter().map(|(id, labels)| {
            let text = match labels.is_empty() {
                true => selector.to_string(),
                false => read::selector(&labels),
            };
            asked(Some(id), text)
        }));
        brought.asked.asked = all;
    }
}

impl Live for Eyes {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn look(&self, hull: TimeWindow, _: Timestamp) -> Brought {
        self.source.looked("LogQL", "logs", |look, brought| {
            self.all(look, hull, brought)
        })
    }

    fn greet(&self) -> Result<String, Missed> {
        let mut look = self.source.look_for(GREETING);
        let now = self.source.now();
        let hour = TimeWindow::new(now.minus(Span::minutes(60)), now)
            .ok_or_else(|| Missed::Strange("our clock stands at no time".to_string()))?;
        let (selector, ahead) = self.selector(&mut look, hour)?;
        let said = match selector {
            Some(selector) => format!("streams {selector}"),
            None => self.empty().detail,
        };
        Ok(self
            .source
            .greeting(&said, ahead, "log lines; no metrics, traces or changes"))
    }
}

/// A page that holds everything there is.
fn whole(page: Page, hull: TimeWindow) -> Stretch {
    let all = page.rows.len();
    let inside = |row: &Row| row.time >= hull.from() && row.time < hull.to();
    let rows: Vec<Row> = page.rows.into_iter().filter(inside).collect();
    Stretch {
        strays: (all - rows.len()) as u64,
        rows,
        ..Stretch::default()
    }
}
