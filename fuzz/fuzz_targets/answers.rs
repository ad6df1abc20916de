//! What live sources answer. The first byte tells whose; then each question gets the next line of the input, and the
//! last one again and again. Nothing may panic, no look may outlive its budget, and what is brought can be told apart.

#![no_main]

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use connectors::client::ClientError;
use connectors::forge::Watched;
use connectors::pull::{
    Answered, Budget, Credential, Live, Means, Naming, Patience, Question, Source, Wire,
};
use connectors::{
    alertmanager, argocd, github, gitlab, jaeger, loki, prometheus, statuspage, tempo,
};
use libfuzzer_sys::fuzz_target;
use model::EntityId;
use model::ports::{Chance, Clock};
use model::time::{SECOND, Span, TimeWindow, Timestamp};

const NOW: i64 = 1_700_000_000 * SECOND;
/// What a look may ask and read here.
const REQUESTS: u64 = 40;

/// Time that passes only while somebody waits or asks.
struct Simulated(AtomicI64);

impl Clock for Simulated {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl Patience for Simulated {
    fn wait(&self, length: Span) {
        self.0.fetch_add(length.0, Ordering::SeqCst);
    }
}

struct Dice;

impl Chance for Dice {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
        bytes.fill(7);
        Ok(())
    }
}

/// Answers line by line.
struct Hostile {
    clock: Arc<Simulated>,
    lines: Mutex<Vec<Vec<u8>>>,
    asked: Arc<AtomicU64>,
}

impl Wire for Hostile {
    fn ask(&self, question: &Question<'_>) -> Result<Answered, ClientError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.clock.wait(Span(SECOND / 100));
        let mut lines = self.lines.lock().expect("one thread");
        let mut body = match lines.len() {
            0 => Vec::new(),
            1 => lines.first().cloned().unwrap_or_default(),
            _ => lines.remove(0),
        };
        let most = usize::try_from(question.most).unwrap_or(usize::MAX);
        let cut = body.len() > most;
        body.truncate(most);
        // A line may begin with a status.
        let status = match body.as_slice() {
            [b'!', a, b, c, ..] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => {
                let status = [a, b, c]
                    .iter()
                    .fold(0, |sum, digit| sum * 10 + u16::from(**digit - b'0'));
                body.drain(..4);
                status
            }
            _ => 200,
        };
        Ok(Answered {
            status,
            body,
            cut,
            date: Some(self.clock.now()),
            ..Answered::default()
        })
    }
}

fn eyes(whose: u8, source: Source) -> Box<dyn Live> {
    let since = Span(3600 * SECOND);
    let watched = || Watched {
        repositories: vec!["shop/cart".to_string()],
        touches: Default::default(),
        since,
        diffs: 3,
    };
    match whose % 9 {
        0 => Box::new(prometheus::Eyes::new(source, Default::default())),
        1 => Box::new(loki::Eyes::new(source, Default::default())),
        2 => Box::new(jaeger::Eyes::new(source, Default::default())),
        3 => Box::new(tempo::Eyes::new(source, Default::default())),
        4 => Box::new(alertmanager::Eyes::new(source, Naming::default())),
        5 => Box::new(statuspage::Eyes::new(
            source,
            statuspage::Settings {
                entity: EntityId::from("external/api.example.com"),
                components: Vec::new(),
            },
        )),
        6 => Box::new(argocd::Eyes::new(
            source,
            argocd::Settings {
                applications: Vec::new(),
                touches: Default::default(),
                since,
            },
        )),
        7 => Box::new(github::asked::Eyes::new(source, watched())),
        _ => Box::new(gitlab::asked::Eyes::new(source, watched())),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((whose, rest)) = bytes.split_first() else {
        return;
    };
    let clock = Arc::new(Simulated(AtomicI64::new(NOW)));
    let asked = Arc::new(AtomicU64::new(0));
    let means = Means {
        wire: Arc::new(Hostile {
            clock: Arc::clone(&clock),
            lines: Mutex::new(rest.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()),
            asked: Arc::clone(&asked),
        }),
        patience: Arc::clone(&clock) as Arc<dyn Patience>,
        chance: Arc::new(Dice),
    };
    let budget = Budget {
        requests: REQUESTS,
        look: Span(20 * SECOND),
        ..Budget::default()
    };
    let source = Source::new("any.main", "http://any.example", Credential::None, budget, means);
    let eyes = eyes(*whose, source);
    let now = Timestamp(NOW);
    let hull = TimeWindow::new(now.minus(Span(1800 * SECOND)), now).expect("half an hour");
    let brought = eyes.look(hull, now);
    assert!(asked.load(Ordering::SeqCst) <= REQUESTS, "more was asked than may be");
    assert!(clock.now().since(now).0 <= 30 * SECOND, "a look outlived its time");
    assert!(
        !(brought.seen.is_empty() && brought.gaps.is_empty()),
        "nothing was seen, and nobody is told why"
    );
    for series in &brought.series {
        assert_eq!(series.times.len(), series.values.len());
        assert!(series.times.windows(2).all(|pair| pair[0] < pair[1]), "times do not increase");
        assert!(series.values.iter().all(|value| value.is_finite()));
    }
    let mut keys: Vec<_> = brought.series.iter().map(|series| &series.key).collect();
    keys.sort();
    assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "two series are one");
    let _ = eyes.greet();
    let _ = eyes.around(now);
    let _ = eyes.silences(now);
});
