//! Traces from a Jaeger, and from what speaks its query API (version 3, over HTTP).
//!
//! A search names a service and gives whole traces. [`Eyes::look`] asks who there is, cuts the time into slices, and asks
//! for some traces of each service in each of them. Spans become rows as pushed ones do. Documented in
//! `docs/connectors/traces.md`; the API: <https://www.jaegertracing.io/docs/latest/architecture/apis/>.

#[cfg(test)]
mod tests;

use model::query::{Gap, GapReason};
use model::source::Asked;
use model::time::{Span, TimeWindow, Timestamp};
use model::{EntityId, SourceKind};
use serde_json::Value;

use crate::pull::traces::{Spans, slices};
use crate::pull::{Answered, Brought, Call, GREETING, Live, Look, Missed, Needs, Source, http};

/// Services that are searched for.
const SERVICES: usize = 60;
/// Searches of one look, beside the list of services.
const SEARCHES: usize = 120;
/// Slices of time: at most, so that what is usual is seen several times, and at least, so that it is seen at all.
const SLICES: (usize, usize) = (2, 16);

/// What to read, beyond where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Services whose traces are searched for; empty for all.
    pub services: Vec<String>,
    /// Traces of one search: of one service in one slice of time.
    pub traces: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            services: Vec::new(),
            traces: 20,
        }
    }
}

/// All that is asked of such a server.
pub const NEEDS: Needs = Needs {
    calls: &[
        Call::get("/api/v3/services", "which services there are"),
        Call::get("/api/v3/traces", "spans"),
    ],
    grant: "",
};

/// The reading end.
pub struct Eyes {
    source: Source,
    settings: Settings,
}

/// What a search brought.
#[derive(Default)]
struct Tally {
    /// Searches that were answered.
    answered: u64,
    /// Of these, those that brought as many traces as were asked for: there may be more.
    full: u64,
    /// Of these, those that brought only traces of another time.
    elsewhere: u64,
    /// Searches that were not answered, and why the first was not.
    missed: Option<(u64, Missed)>,
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
        now: Timestamp,
        brought: &mut Brought,
    ) -> Result<(), Missed> {
        let (mut services, ahead) = self.services(look)?;
        if ahead.0 != 0 {
            brought.gaps.push(self.source.off(ahead));
        }
        if services.is_empty() {
            brought.seen = &[SourceKind::Traces];
            brought.gaps.push(self.empty());
            return Ok(());
        }
        let all = services.len();
        services.truncate(SERVICES);
        if all > SERVICES {
            brought.gaps.push(Gap::new(
                format!("traces of all services of {}", self.name()),
                GapReason::Budget,
                format!("it knows {all} services; {SERVICES} of them were searched for"),
                format!(
                    "name those that matter in services of [connectors.{}]",
                    self.name()
                ),
            ));
        }
        let count = (SEARCHES / services.len()).clamp(SLICES.0, SLICES.1);
        let mut spans = Spans::new(self.name(), hull);
        let mut tally = Tally::default();
        for slice in slices(hull, count as i64) {
            for service in &services {
                self.search(look, service, slice, now, &mut spans, &mut tally);
            }
        }
        // That no search was answered is not that there is nothing.
        if tally.answered > 0 {
            brought.seen = &[SourceKind::Traces];
        }
        for service in &services {
            brought.asked.asked.push(Asked {
                kind: SourceKind::Traces,
                entity: Some(EntityId::from(format!("service/{service}").as_str())),
                metric: String::new(),
                statistic: String::new(),
                text: format!(
                    "GET /api/v3/traces?query.service_name={}&query.search_depth={}",
                    http::encoded(service),
                    self.settings.traces
                ),
            });
        }
        self.tell(&tally, &spans, brought);
        (brought.spans, brought.topology) = spans.finish();
        Ok(())
    }

    fn tell(&self, tally: &Tally, spans: &Spans, brought: &mut Brought) {
        let name = self.name();
        let mut gap = |wanted: &str, why: GapReason, detail: String, remedy: String| {
            brought.gaps.push(Gap::new(wanted, why, detail, remedy));
        };
        if tally.full > 0 {
            gap(
                "all traces",
                GapReason::Budget,
                format!(
                    "{name}: in {} of {} searches there are more traces than the {} that were read; how many there were \
                     is not told by them",
                    tally.full, tally.answered, self.settings.traces
                ),
                format!("raise traces in [connectors.{name}], or send the spans over OTLP"),
            );
        }
        brought.gaps.extend(spans.gap(&self.source));
        brought
            .gaps
            .extend(spans.elsewhere(&self.source, tally.elsewhere));
        if let Some((count, missed)) = &tally.missed {
            let wanted = format!("traces of {count} of {} searches", count + tally.answered);
            brought.gaps.push(missed.gap(&wanted, name));
        }
    }

    fn search(
        &self,
        look: &mut Look<'_>,
        service: &str,
        slice: TimeWindow,
        now: Timestamp,
        spans: &mut Spans,
        tally: &mut Tally,
    ) {
        let most = self.settings.traces.to_string();
        let fields = [
            ("query.service_name", service.to_string()),
            ("query.start_time_min", slice.from().to_string()),
            ("query.start_time_max", slice.to().to_string()),
            ("query.search_depth", most.clone()),
            // What earlier versions call it.
            ("query.num_traces", most),
        ];
        let found = match look.ask("/api/v3/traces", &fields) {
            Ok(answered) => chunks(&answered),
            // That is how it says that there are none.
            Err(Missed::Refused(404, _)) => Ok(Vec::new()),
            Err(missed) => Err(missed),
        };
        let read = found.and_then(|chunks| {
            let (mut fresh, mut fits) = (0, chunks.is_empty());
            for chunk in chunks {
                let taken = spans.take(chunk, slice, now)?;
                fresh += taken.fresh;
                fits |= taken.fits;
            }
            Ok((fresh, fits))
        });
        match read {
            Ok((fresh, fits)) => {
                tally.answered += 1;
                tally.elsewhere += u64::from(!fits);
                tally.full += u64::from(fresh >= self.settings.traces);
            }
            Err(missed) => {
                let (count, _) = tally.missed.get_or_insert((0, missed));
                *count += 1;
            }
        }
    }

    /// Who there is, sorted, without itself; and by how much its clock is ahead, if that matters.
    fn services(&self, look: &mut Look<'_>) -> Result<(Vec<String>, Span), Missed> {
        let answered = look.ask("/api/v3/services", &[])?;
        let ahead = self.source.ahead(answered.date);
        let answer: Value = serde_json::from_slice(&answered.body)
            .map_err(|error| Missed::Strange(error.to_string()))?;
        // An empty list is left out of the answer.
        let list = match answer.get("services") {
            Some(Value::Array(list)) => list.as_slice(),
            None | Some(Value::Null) if answer.is_object() => &[],
            _ => return Err(Missed::Strange("no list of services was found".to_string())),
        };
        let wanted = &self.settings.services;
        let mut services: Vec<String> = list
            .iter()
            .filter_map(|name| Some(name.as_str()?.to_string()))
            .filter(|name| !name.is_empty() && !name.starts_with("jaeger"))
            .filter(|name| wanted.is_empty() || wanted.contains(name))
            .collect();
        services.sort();
        services.dedup();
        Ok((services, ahead))
    }

    fn empty(&self) -> Gap {
        Gap::new(
            format!("traces of {}", self.name()),
            GapReason::NotInstrumented,
            "it answers, and knows no service that is to be searched for",
            format!(
                "see at {} whose spans it receives; check services in [connectors.{}]",
                self.source.address(),
                self.name()
            ),
        )
    }
}

impl Live for Eyes {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn look(&self, hull: TimeWindow, now: Timestamp) -> Brought {
        self.source.looked("Jaeger API", "traces", |look, brought| {
            self.all(look, hull, now, brought)
        })
    }

    fn greet(&self) -> Result<String, Missed> {
        let mut look = self.source.look_for(GREETING);
        let (services, ahead) = self.services(&mut look)?;
        let said = format!("{} services", services.len());
        Ok(self.source.greeting(
            &said,
            ahead,
            "a sample of traces; no metrics, logs or changes",
        ))
    }
}

/// The lists of resource spans of an answer: one object for each part of a stream, one after the other.
fn chunks(answered: &Answered) -> Result<Vec<Value>, Missed> {
    let parts = serde_json::Deserializer::from_slice(&answered.body).into_iter::<Value>();
    let mut found = Vec::new();
    for part in parts {
        let mut part = part.map_err(|error| Missed::Strange(error.to_string()))?;
        let said = part["error"]["message"].as_str();
        if let Some(said) = said {
            return Err(Missed::Strange(said.chars().take(300).collect()));
        }
        let result = match part.get_mut("result") {
            Some(result) => result.take(),
            None => part,
        };
        match result {
            Value::Object(mut result) => match result.remove("resourceSpans") {
                Some(list) => found.push(list),
                // A part without spans.
                None if result.is_empty() => {}
                None => return Err(Missed::Strange("no resourceSpans were found".to_string())),
            },
            _ => return Err(Missed::Strange("no result was found".to_string())),
        }
    }
    Ok(found)
}
