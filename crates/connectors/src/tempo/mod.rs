//! Traces from a Grafana Tempo.
//!
//! A search gives the ids of traces, the newest first; each is then asked for. [`Eyes::look`] cuts the time into slices
//! and takes some traces of each, whether they failed or not: what is asked for by its failure would show nothing but
//! failures. Spans become rows as pushed ones do. Documented in `docs/connectors/traces.md`; the API:
//! <https://grafana.com/docs/tempo/latest/api_docs/>.

#[cfg(test)]
mod tests;

use model::SourceKind;
use model::query::{Gap, GapReason};
use model::source::Asked;
use model::time::{SECOND, Span, TimeWindow, Timestamp};
use serde_json::Value;

use crate::pull::traces::{Spans, slices};
use crate::pull::{Brought, Budget, Call, GREETING, Live, Look, Missed, Needs, Source};

/// Slices of time.
const SLICES: i64 = 16;

/// What to read, beyond where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// TraceQL that every trace must fit, such as `{ resource.namespace = "shop" }`; all are read unless it is given.
    pub matching: String,
    /// Traces of one look.
    pub traces: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            matching: String::new(),
            // As many as its budget of requests lets be asked for one by one.
            traces: 256,
        }
    }
}

/// How much it may be asked unless something else is said: each trace is a request of its own.
pub fn budget() -> Budget {
    Budget {
        requests: 320,
        requests_per_hour: 6000,
        ..Budget::default()
    }
}

/// All that is asked of such a server.
pub const NEEDS: Needs = Needs {
    calls: &[
        Call::get("/api/search", "which traces there are"),
        Call::get("/api/v2/traces/*", "spans"),
        Call::get("/api/traces/*", "spans, of servers that are older"),
    ],
    grant: "",
};

/// The reading end.
pub struct Eyes {
    source: Source,
    settings: Settings,
}

/// Where a trace is asked for: the newer address says what older servers do not know.
#[derive(Clone, Copy, PartialEq)]
enum Address {
    Newer,
    Older,
}

/// What a look has seen so far.
struct Seen {
    spans: Spans,
    address: Address,
    searched: u64,
    /// Searches that gave as many traces as were asked for.
    full: u64,
    read: u64,
    /// Of these, those that lie in another time than was searched.
    elsewhere: u64,
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

    fn question(&self) -> &str {
        match self.settings.matching.as_str() {
            "" => "{ }",
            matching => matching,
        }
    }

    /// The traces of one slice; gives by how much its clock is ahead, if that matters.
    fn slice(
        &self,
        look: &mut Look<'_>,
        slice: TimeWindow,
        each: u64,
        now: Timestamp,
        seen: &mut Seen,
    ) -> Result<Span, Missed> {
        let (ids, ahead) = self.search(look, slice, each)?;
        seen.searched += 1;
        seen.full += u64::from(ids.len() as u64 >= each);
        for id in ids {
            // Whatever a trace did to its own request, the next may be well.
            match self.trace(look, &id, slice, seen.address) {
                Ok((list, address)) => {
                    seen.address = address;
                    if let Some(list) = list {
                        let taken = seen.spans.take(list, slice, now)?;
                        seen.read += 1;
                        seen.elsewhere += u64::from(!taken.fits);
                    }
                }
                Err(missed @ (Missed::TooLong(_) | Missed::Refused(..) | Missed::Strange(_))) => {
                    let (count, _) = seen.missed.get_or_insert((0, missed));
                    *count += 1;
                }
                Err(missed) => return Err(missed),
            }
        }
        Ok(ahead)
    }

    /// Ids of traces that lie in this slice.
    fn search(
        &self,
        look: &mut Look<'_>,
        slice: TimeWindow,
        most: u64,
    ) -> Result<(Vec<String>, Span), Missed> {
        let fields = [
            ("q", self.question().to_string()),
            ("start", slice.from().0.div_euclid(SECOND).to_string()),
            // Whole seconds: the last one of the slice is in it.
            (
                "end",
                (slice.to().0.saturating_add(SECOND - 1))
                    .div_euclid(SECOND)
                    .to_string(),
            ),
            ("limit", most.to_string()),
        ];
        let answered = look.ask("/api/search", &fields)?;
        let ahead = self.source.ahead(answered.date);
        let answer: Value = serde_json::from_slice(&answered.body)
            .map_err(|error| Missed::Strange(error.to_string()))?;
        let list = match answer.get("traces") {
            Some(Value::Array(list)) => list.as_slice(),
            // Where there is none, the list is left out.
            None | Some(Value::Null) if answer.is_object() => &[],
            _ => return Err(Missed::Strange("no list of traces was found".to_string())),
        };
        let mut ids: Vec<String> = list
            .iter()
            .filter_map(|trace| trace["traceID"].as_str())
            // It becomes part of an address; leading zeros may be left out of it.
            .filter(|id| (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit()))
            .map(str::to_string)
            .collect();
        ids.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok((ids, ahead))
    }

    /// The resource spans of one trace, `None` if it is there no more; and which address answered.
    fn trace(
        &self,
        look: &mut Look<'_>,
        id: &str,
        slice: TimeWindow,
        address: Address,
    ) -> Result<(Option<Value>, Address), Missed> {
        // Traces of a slice end soon after it, and where it is told when, fewer blocks are searched.
        let around = Span(3600 * SECOND);
        let fields = [
            (
                "start",
                slice.from().minus(around).0.div_euclid(SECOND).to_string(),
            ),
            (
                "end",
                slice.to().plus(around).0.div_euclid(SECOND).to_string(),
            ),
        ];
        let path = match address {
            Address::Newer => format!("/api/v2/traces/{id}"),
            Address::Older => format!("/api/traces/{id}"),
        };
        match (look.ask(&path, &fields), address) {
            (Ok(answered), _) => {
                let mut answer: Value = serde_json::from_slice(&answered.body)
                    .map_err(|error| Missed::Strange(error.to_string()))?;
                // It says so where a part of it did not answer.
                if answer["status"] == "PARTIAL" {
                    let said = answer["message"]
                        .as_str()
                        .unwrap_or("for no reason that it tells");
                    look.remark(&format!("traces are partial: {said}"));
                }
                let mut trace = match answer.get_mut("trace") {
                    Some(trace) => trace.take(),
                    None => answer,
                };
                let list = ["resourceSpans", "batches"]
                    .iter()
                    .find_map(|name| Some(trace.get_mut(name)?.take()));
                let none = trace.as_object().is_some_and(serde_json::Map::is_empty);
                match list {
                    Some(list) => Ok((Some(list), address)),
                    None if none => Ok((None, address)),
                    None => Err(Missed::Strange("no spans were found".to_string())),
                }
            }
            // Not there, or no such address: the older one tells which.
            (Err(Missed::Refused(404, _)), Address::Newer) => {
                match self.trace(look, id, slice, Address::Older)? {
                    (Some(list), older) => Ok((Some(list), older)),
                    (None, _) => Ok((None, Address::Newer)),
                }
            }
            (Err(Missed::Refused(404, _)), Address::Older) => Ok((None, address)),
            (Err(missed), _) => Err(missed),
        }
    }

    fn tell(&self, seen: &Seen, each: u64, brought: &mut Brought) {
        let name = self.name();
        let mut gap = |wanted: &str, why: GapReason, detail: String, remedy: String| {
            brought.gaps.push(Gap::new(wanted, why, detail, remedy));
        };
        if seen.full > 0 {
            gap(
                "all traces",
                GapReason::Budget,
                format!(
                    "{name}: in {} of {} stretches of time there are more traces than the {each} that were read; how many \
                     there were is not told by them",
                    seen.full, seen.searched
                ),
                format!(
                    "raise traces and requests in [connectors.{name}], or send the spans over OTLP"
                ),
            );
        }
        if seen.searched > 0 && seen.read == 0 && seen.missed.is_none() {
            gap(
                &format!("traces of {name}"),
                GapReason::NotInstrumented,
                format!(
                    "it answers, and has no trace that fits {} in this time",
                    self.question()
                ),
                format!("see whose spans it receives; check match in [connectors.{name}]"),
            );
        }
        brought.gaps.extend(seen.spans.gap(&self.source));
        let elsewhere = seen.spans.elsewhere(&self.source, seen.elsewhere);
        brought.gaps.extend(elsewhere);
        if let Some((count, missed)) = &seen.missed {
            let wanted = match seen.searched {
                0 => "traces".to_string(),
                _ => format!("traces ({count} questions)"),
            };
            brought.gaps.push(missed.gap(&wanted, name));
        }
    }
}

impl Live for Eyes {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn look(&self, hull: TimeWindow, now: Timestamp) -> Brought {
        let mut look = self.source.look();
        let mut brought = self.source.brought("TraceQL");
        brought.asked.asked.push(Asked {
            kind: SourceKind::Traces,
            entity: None,
            metric: String::new(),
            statistic: String::new(),
            text: self.question().to_string(),
        });
        let each = (self.settings.traces / SLICES as u64).max(1);
        let mut seen = Seen {
            spans: Spans::new(self.name(), hull),
            address: Address::Newer,
            searched: 0,
            full: 0,
            read: 0,
            elsewhere: 0,
            missed: None,
        };
        let mut first = None;
        for slice in slices(hull, SLICES) {
            match self.slice(&mut look, slice, each, now, &mut seen) {
                Ok(ahead) => {
                    brought.seen = &[SourceKind::Traces];
                    first.get_or_insert(ahead);
                }
                Err(missed) => {
                    let (count, _) = seen.missed.get_or_insert((0, missed));
                    *count += 1;
                }
            }
        }
        if let Some(ahead) = first.filter(|ahead| ahead.0 != 0) {
            brought.gaps.push(self.source.off(ahead));
        }
        // That no trace could be read is not that there is none.
        if seen.read == 0 && seen.missed.is_some() {
            brought.seen = &[];
        }
        self.tell(&seen, each, &mut brought);
        (brought.spans, brought.topology) = seen.spans.finish();
        self.source.ended(&look, &mut brought);
        brought
    }

    fn greet(&self) -> Result<String, Missed> {
        let mut look = self.source.look_for(GREETING);
        let now = self.source.now();
        let lately = TimeWindow::new(now.minus(Span::minutes(15)), now)
            .ok_or_else(|| Missed::Strange("our clock stands at no time".to_string()))?;
        let (ids, ahead) = self.search(&mut look, lately, 1)?;
        let said = match ids.len() {
            0 => format!(
                "it answers, and has no trace that fits {} in the last 15 minutes",
                self.question()
            ),
            _ => format!(
                "it has traces of the last 15 minutes that fit {}",
                self.question()
            ),
        };
        Ok(self.source.greeting(
            &said,
            ahead,
            "a sample of traces; no metrics, logs or changes",
        ))
    }
}
