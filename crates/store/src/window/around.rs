//! Who is there and who calls whom, for whoever cannot wait for a whole look: an alarm that has just come in.

use model::telemetry::Batch;
use model::time::{MINUTE, Span};
use model::{TimeWindow, Timestamp, Topology};

use super::captured::Collector;
use super::chunk::{self, Kind};
use super::error::WindowError;
use super::{Held, Window, choose, held};

/// Calls are read from the spans of so long. Caller and callee send theirs apart, and most senders gather for five to
/// ten seconds; a minute also reaches back before a fault after which nobody calls any more.
const CALLS: Span = Span(MINUTE);

/// What was heard of or called within this counts as there.
const LATELY: Span = Span(10 * MINUTE);

/// The newest spans that are read for it, in bytes of rows: a storm shows each call thousands of times.
const MOST: u64 = 8 << 20;

impl Window {
    /// Entities and edges that were told of in the last ten minutes, and the calls that the newest spans of the last
    /// minute, or an earlier question within these ten minutes, showed. Reads little, however much comes in. Normalised.
    ///
    /// # Errors
    /// When a file cannot be opened at all. A chunk that is damaged is passed over.
    pub fn around(&self, now: Timestamp) -> Result<Topology, WindowError> {
        let lately = now.minus(LATELY);
        // `now` itself belongs to it.
        let Some(window) = TimeWindow::new(now.minus(CALLS), now.plus(Span(1))) else {
            return Ok(Topology::default());
        };
        let (waiting, mut chosen, told) = {
            let segments = held(&self.segments);
            let state = held(&self.state);
            let mut left = MOST;
            let newest = state.head.iter().rev().chain(state.sealing.iter().rev());
            let waiting: Vec<Held> = newest
                .take_while(|one| {
                    let room = left > 0;
                    left = left.saturating_sub(one.batch.bytes() as u64);
                    room
                })
                .cloned()
                .collect();
            let mut chosen = choose(&segments, |head| {
                let spans = head.section(Kind::Spans);
                spans.rows > 0 && spans.first < window.to().0 && spans.last >= window.from().0
            });
            for (_, chunks) in chosen.iter_mut().rev() {
                let mut kept: Vec<_> = Vec::new();
                for chunk in chunks.drain(..).rev() {
                    if left > 0 {
                        left = left.saturating_sub(chunk.head.memory);
                        kept.push(chunk);
                    }
                }
                kept.reverse();
                *chunks = kept;
            }
            (waiting, chosen, state.known.since(lately))
        };
        chosen.retain(|(_, chunks)| !chunks.is_empty());
        let mut collector = Collector::new(vec![window], window, now, 0);
        self.read_chunks(chosen, |reader, chunk| {
            let mut batch = Batch::default();
            chunk::read_spans(&reader.read(chunk, Kind::Spans)?, &mut batch)?;
            collector.take_spans(&batch, chunk.head.first_span);
            Ok(())
        })?;
        for one in waiting.iter().rev() {
            collector.take_spans(&one.batch, one.first_span);
        }
        let calls = collector.finish(Topology::default(), Vec::new()).topology;
        let mut topology = told;
        {
            let mut state = held(&self.state);
            state.calls.trim(lately);
            state.calls.tell(&calls, now);
            topology.join(state.calls.since(lately));
        }
        topology.normalise();
        Ok(topology)
    }
}
