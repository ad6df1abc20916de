//! Telling people. Each channel has a queue of its own and is served by a thread of its own, so that one that is slow,
//! hangs or is broken holds up neither the watch nor the other channels.
//!
//! What became of each notice with each channel is in the outbox: what was told is never told again, also after a
//! restart. A try is written down before it is made, so that after a lost answer or a power cut the channel knows
//! that the notice may be there already: it looks, where it can ([`Telling::tries`]); else it tells it again under the
//! same id, by which whoever receives it drops the second.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use model::ports::{Again, Clock, Delivery, Notice, Notifier, Outbox, TellError, Telling};
use model::time::{MINUTE, SECOND, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Watch, held};

/// Notices older than this are not told any more: they would only confuse.
pub(super) const STALE: Span = Span(30 * MINUTE);

/// Most notices that wait for one channel; beyond it the oldest is given up.
const MOST: usize = 500;

/// About the wait after a failed try; doubled each time.
const RETRY: Span = Span(2 * SECOND);

/// The longest wait.
const LONGEST: Span = Span(MINUTE);

/// The longest wait that whoever is told may ask for.
const ASKED: Span = Span(15 * MINUTE);

/// What stands in the outbox while a try goes on.
const UNHEARD: &str = "it is not known whether it arrived";

/// After a try that lasts so long, a channel counts as one that does not answer.
const SLOW: Span = Span(5 * SECOND);

/// How one channel stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Notices told since the start.
    pub told: u64,
    /// Notices that wait.
    pub waiting: u64,
    /// Notices given up since the start: too old, or too many.
    pub given_up: u64,
    /// What is wrong with it; `None` while its last try succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// What is wrong with a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// Tries in a row that failed.
    pub tries: u32,
    /// Why the last one did.
    pub why: String,
}

/// One way of telling people, and what it still has to tell.
pub(super) struct Channel {
    notifier: Arc<dyn Notifier>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    told: u64,
    given_up: u64,
    trouble: Option<Trouble>,
    /// Nothing is tried before then.
    pause: Option<Timestamp>,
    /// When the try began that has not ended.
    trying: Option<Timestamp>,
}

/// A notice that is to be told.
#[derive(Clone)]
struct Waiting {
    notice: Arc<Notice>,
    tries: u32,
    /// Not tried again before then.
    not_before: Timestamp,
    /// It was told, and only the outbox does not know yet.
    told: Option<Delivery>,
}

impl Channel {
    pub fn new(notifier: Arc<dyn Notifier>) -> Self {
        Self {
            notifier,
            queue: Mutex::default(),
        }
    }

    /// Puts a notice into the queue. Never waits.
    pub fn owe(&self, notice: &Arc<Notice>) {
        let mut queue = held(&self.queue);
        if queue.waiting.len() >= MOST {
            queue.waiting.pop_front();
            queue.given_up += 1;
        }
        queue.waiting.push_back(Waiting {
            notice: Arc::clone(notice),
            tries: 0,
            not_before: Timestamp(i64::MIN),
            told: None,
        });
    }

    /// Tells what is due, until nothing is, or a try fails.
    pub fn tell(&self, outbox: &dyn Outbox, clock: &dyn Clock) {
        while let Some(mut one) = self.next(clock.now()) {
            let name = self.notifier.name();
            let now = clock.now();
            if let Some(delivery) = &one.told {
                if outbox.note(&one.notice.id, name, delivery).is_err() {
                    return self.later(one, now, None);
                }
                continue;
            }
            let known = outbox
                .delivery(&one.notice.id, name)
                .and_then(|before| Ok((before, outbox.thread(&one.notice.incident, name)?)));
            let (before, thread) = match known {
                Ok((before, thread)) => (before.unwrap_or_default(), thread),
                // Who cannot remember what was told does not tell: it might be the second time.
                Err(error) => return self.later(one, now, Some(error.to_string().into())),
            };
            let wanted = self.notifier.wants(&one.notice) || (one.notice.ends() && thread.told);
            if before.told || !wanted {
                continue;
            }
            if now.since(one.notice.at) >= STALE {
                held(&self.queue).given_up += 1;
                continue;
            }
            let tried = one.tries.max(before.tries);
            one.tries = tried.saturating_add(1);
            let begun = Delivery {
                tries: one.tries,
                at: now,
                told: false,
                why: UNHEARD.to_string(),
                receipt: before.receipt.clone(),
            };
            if let Err(error) = outbox.note(&one.notice.id, name, &begun) {
                return self.later(one, now, Some(error.to_string().into()));
            }
            held(&self.queue).trying = Some(now);
            let telling = Telling {
                notice: &one.notice,
                tries: tried,
                receipt: &before.receipt,
                thread: &thread,
            };
            let result = self.notifier.tell(&telling, now);
            let ended = clock.now();
            let delivery = delivered(one.tries, ended, &result, before.receipt);
            let noted = outbox.note(&one.notice.id, name, &delivery).is_ok();
            let mut queue = held(&self.queue);
            queue.trying = None;
            if let Err(error) = result {
                if error.again == Again::Never {
                    queue.given_up += 1;
                    let trouble = queue.troubled(ended, error.why);
                    queue.trouble = Some(trouble);
                    continue;
                }
                drop(queue);
                return self.later(one, ended, Some(error));
            }
            queue.told += 1;
            queue.trouble = None;
            let pace = self.notifier.pace();
            queue.pause = (pace.0 > 0).then(|| ended.plus(pace));
            drop(queue);
            if !noted {
                one.told = Some(delivery);
                return self.later(one, ended, None);
            }
        }
    }

    /// The next notice that is due: what was tried least goes first, so that one that nobody takes holds up no other.
    fn next(&self, now: Timestamp) -> Option<Waiting> {
        let mut queue = held(&self.queue);
        if queue.pause.is_some_and(|until| now < until) {
            return None;
        }
        let due = queue.waiting.iter().enumerate();
        let (index, _) = due
            .filter(|(_, one)| one.not_before <= now)
            .min_by_key(|(index, one)| (one.tries, *index))?;
        queue.waiting.remove(index)
    }

    /// Back into the queue; with a reason the whole channel pauses, longer each time, or as long as it is asked to.
    fn later(&self, mut one: Waiting, now: Timestamp, error: Option<TellError>) {
        let name = self.notifier.name();
        let mut queue = held(&self.queue);
        one.not_before = now.plus(wait(one.tries, &one.notice.id, name));
        if let Some(error) = error {
            let trouble = queue.troubled(now, error.why);
            let pause = match error.again {
                Again::After(span) => Span(span.0.clamp(0, ASKED.0)),
                Again::Usual | Again::Never => wait(trouble.tries, name, &one.notice.id),
            };
            queue.trouble = Some(trouble);
            queue.pause = Some(now.plus(pause));
        }
        queue.waiting.push_front(one);
    }

    fn standing(&self, now: Timestamp) -> Standing {
        let queue = held(&self.queue);
        let slow = queue
            .trying
            .filter(|since| now.since(*since) >= SLOW)
            .map(|since| Trouble {
                since,
                tries: 0,
                why: "it has not answered yet".to_string(),
            });
        Standing {
            name: self.notifier.name().to_string(),
            told: queue.told,
            waiting: queue.waiting.len() as u64 + u64::from(queue.trying.is_some()),
            given_up: queue.given_up,
            trouble: queue.trouble.clone().or(slow),
        }
    }
}

impl Queue {
    /// What is wrong with the channel after one more try that failed.
    fn troubled(&self, now: Timestamp, why: String) -> Trouble {
        let (since, tries) = match &self.trouble {
            Some(trouble) => (trouble.since, trouble.tries.saturating_add(1)),
            None => (now, 1),
        };
        Trouble { since, tries, why }
    }
}

/// What became of a try. A receipt that it did not replace stays.
fn delivered(
    tries: u32,
    at: Timestamp,
    result: &Result<String, TellError>,
    before: String,
) -> Delivery {
    let (told, why, receipt) = match result {
        Ok(receipt) => (true, String::new(), receipt),
        Err(error) => (false, error.why.clone(), &error.receipt),
    };
    let receipt = if receipt.is_empty() {
        before
    } else {
        receipt.clone()
    };
    Delivery {
        tries,
        at,
        told,
        why,
        receipt,
    }
}

/// The wait after so many failed tries: doubled each time up to [`LONGEST`], of which between a half and all is waited.
/// The share is drawn from the names, so that not everybody comes back at once to whoever was down.
fn wait(tries: u32, one: &str, other: &str) -> Span {
    let doubled = RETRY.0 << tries.saturating_sub(1).min(10);
    let whole = doubled.min(LONGEST.0);
    // FNV-1a, of which the upper bits are spread best.
    let hash = [one.as_bytes(), other.as_bytes(), &tries.to_le_bytes()]
        .concat()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let half = whole / 2;
    Span(half + (half >> 16).saturating_mul((hash >> 48) as i64))
}

impl Watch {
    /// Hands a notice to every channel.
    pub(super) fn owe(&self, notice: Notice) {
        let notice = Arc::new(notice);
        for channel in &self.channels {
            channel.owe(&notice);
        }
    }

    /// How many channels there are.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Tells what is due through one of the channels, and returns when nothing is or a try has failed. May take as
    /// long as whoever is told, so each channel has a thread that calls this again and again.
    pub fn tell_through(&self, channel: usize) {
        if let Some(channel) = self.channels.get(channel) {
            channel.tell(&*self.sockets.outbox, &*self.sockets.clock);
        }
    }

    /// Tells what is due through all channels, one after the other.
    pub fn tell(&self) {
        for channel in 0..self.channels() {
            self.tell_through(channel);
        }
    }

    /// The channel of that name, for whoever tries it out.
    pub fn notifier(&self, name: &str) -> Option<Arc<dyn Notifier>> {
        let mut channels = self.channels.iter();
        let channel = channels.find(|channel| channel.notifier.name() == name)?;
        Some(Arc::clone(&channel.notifier))
    }

    /// How each channel stands.
    pub fn standings(&self) -> Vec<Standing> {
        let now = self.now();
        let channels = self.channels.iter();
        channels.map(|channel| channel.standing(now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::incident::IncidentId;
    use model::testkit::{Cut, MemoryBooks, MemoryJournal};

    use super::*;

    #[derive(Default)]
    struct Hand(Mutex<i64>);

    impl Hand {
        fn pass(&self, span: Span) {
            *held(&self.0) += span.0;
        }
    }

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(*held(&self.0))
        }
    }

    /// Refuses as often as it is told to, by the notice.
    #[derive(Default)]
    struct Ears {
        refusals: Mutex<BTreeMap<String, u32>>,
        heard: Mutex<Vec<String>>,
    }

    impl Notifier for Ears {
        fn name(&self) -> &str {
            "ears"
        }

        fn tell(&self, telling: &Telling<'_>, _: Timestamp) -> Result<String, TellError> {
            let id = &telling.notice.id;
            let mut refusals = held(&self.refusals);
            if let Some(left) = refusals.get_mut(id).filter(|left| **left > 0) {
                *left -= 1;
                return Err("500".to_string().into());
            }
            held(&self.heard).push(id.clone());
            Ok(String::new())
        }
    }

    fn notice(id: &str) -> Arc<Notice> {
        Arc::new(Notice {
            id: id.to_string(),
            incident: IncidentId("inc-1".to_string()),
            at: Timestamp(0),
            kind: "opened".to_string(),
            subject: String::new(),
            severity: model::Severity::Error,
            title: String::new(),
            lines: Vec::new(),
            plan: None,
            by: String::new(),
            link: String::new(),
        })
    }

    /// Serves the channel for so long, looking every 100 ms.
    fn serve(channel: &Channel, outbox: &MemoryBooks, clock: &Hand, long: Span) {
        for _ in 0..long.0 / (SECOND / 10) {
            channel.tell(outbox, clock);
            clock.pass(Span(SECOND / 10));
        }
    }

    #[test]
    fn one_that_nobody_takes_holds_up_no_other_and_is_given_up_at_last() {
        let ears = Arc::new(Ears::default());
        held(&ears.refusals).insert("poison".to_string(), u32::MAX);
        held(&ears.refusals).insert("late".to_string(), 3);
        let (outbox, clock) = (MemoryBooks::default(), Hand::default());
        let channel = Channel::new(ears.clone());
        for id in ["poison", "late", "third", "fourth"] {
            channel.owe(&notice(id));
        }
        channel.tell(&outbox, &clock);
        let standing = channel.standing(clock.now());
        assert_eq!(standing.waiting, 4);
        assert_eq!(
            standing.trouble.map(|t| (t.tries, t.why)),
            Some((1, "500".to_string()))
        );
        // At once nothing is tried again.
        channel.tell(&outbox, &clock);
        assert_eq!(outbox.delivery("poison", "ears").unwrap().unwrap().tries, 1);
        serve(&channel, &outbox, &clock, Span(2 * MINUTE));
        assert_eq!(*held(&ears.heard), ["third", "fourth", "late"]);
        serve(&channel, &outbox, &clock, Span(30 * MINUTE));
        let standing = channel.standing(clock.now());
        assert_eq!(
            (standing.told, standing.waiting, standing.given_up),
            (3, 0, 1)
        );
        let tries = outbox.delivery("poison", "ears").unwrap().unwrap().tries;
        assert!((30..=70).contains(&tries), "{tries} tries in half an hour");
    }

    #[test]
    fn what_was_told_is_not_told_again_by_whoever_comes_after() {
        let ears = Arc::new(Ears::default());
        let (outbox, clock) = (MemoryBooks::default(), Hand::default());
        for _ in 0..3 {
            let channel = Channel::new(ears.clone());
            channel.owe(&notice("one"));
            channel.owe(&notice("one"));
            serve(&channel, &outbox, &clock, Span(MINUTE));
        }
        assert_eq!(*held(&ears.heard), ["one"]);
    }

    #[test]
    fn a_queue_is_bounded_and_loses_the_oldest() {
        let ears = Arc::new(Ears::default());
        let (outbox, clock) = (MemoryBooks::default(), Hand::default());
        let channel = Channel::new(ears.clone());
        for i in 0..MOST + 2 {
            channel.owe(&notice(&format!("n{i}")));
        }
        assert_eq!(channel.standing(clock.now()).given_up, 2);
        channel.tell(&outbox, &clock);
        assert_eq!(held(&ears.heard).len(), MOST);
        assert_eq!(held(&ears.heard)[0], "n2");
    }

    /// Whoever is told in threads, and can be looked through; loses answers as often as told to.
    #[derive(Default)]
    struct Chat {
        /// Threads and what stands in each: (incident, ids).
        threads: Mutex<Vec<(IncidentId, Vec<String>)>>,
        /// Posts whose answer will be lost, from now on.
        lost: Mutex<u32>,
        asks_for: Mutex<Option<Span>>,
        never: Mutex<Vec<String>>,
    }

    impl Chat {
        /// Posts, and loses the answer if it must.
        fn answered(&self) -> Result<(), TellError> {
            let mut lost = held(&self.lost);
            if *lost > 0 {
                *lost -= 1;
                return Err("no answer came".to_string().into());
            }
            Ok(())
        }
    }

    impl Notifier for Chat {
        fn name(&self) -> &str {
            "chat"
        }

        fn wants(&self, notice: &Notice) -> bool {
            notice.severity >= model::Severity::Error
        }

        fn pace(&self) -> Span {
            Span(SECOND)
        }

        fn tell(&self, telling: &Telling<'_>, _: Timestamp) -> Result<String, TellError> {
            let notice = telling.notice;
            if held(&self.never).contains(&notice.id) {
                return Err(TellError {
                    why: "400".to_string(),
                    again: Again::Never,
                    receipt: String::new(),
                });
            }
            if let Some(span) = held(&self.asks_for).take() {
                return Err(TellError {
                    why: "429".to_string(),
                    again: Again::After(span),
                    receipt: String::new(),
                });
            }
            let known: Option<usize> = telling.thread.receipt.parse().ok();
            let found = known.or_else(|| {
                let threads = held(&self.threads);
                let there = threads.iter().position(|(id, _)| *id == notice.incident);
                there.filter(|_| telling.thread.tried)
            });
            let thread = match found {
                Some(thread) => thread,
                None => {
                    let mut threads = held(&self.threads);
                    threads.push((notice.incident.clone(), Vec::new()));
                    threads.len() - 1
                }
            };
            if known.is_none() {
                self.answered()?;
            }
            let posted = |error: TellError| TellError {
                receipt: thread.to_string(),
                ..error
            };
            let there = held(&self.threads)[thread].1.contains(&notice.id);
            if telling.tries == 0 || !there {
                held(&self.threads)[thread].1.push(notice.id.clone());
                self.answered().map_err(posted)?;
            }
            Ok(thread.to_string())
        }
    }

    fn of(incident: &str, seq: u32, kind: &str) -> Arc<Notice> {
        let mut one = Notice::clone(&notice(&format!("{incident}/{seq}/{kind}")));
        one.incident = IncidentId(incident.to_string());
        one.kind = kind.to_string();
        Arc::new(one)
    }

    #[test]
    fn an_incident_is_one_thread_wherever_the_power_is_cut_and_whatever_answer_is_lost() {
        let cuts = (1..=12).flat_map(|cut| [(cut, Cut::Before), (cut, Cut::After)]);
        for (cut, how) in cuts {
            for lost in 0..=3 {
                let chat = Arc::new(Chat::default());
                *held(&chat.lost) = lost;
                let disk = Arc::new(MemoryJournal::new());
                let outbox = MemoryBooks::beside(Arc::clone(&disk));
                let clock = Hand::default();
                let notices = ["opened", "verdict", "closed"].map(|kind| of("inc-1", 2, kind));
                disk.cut_at(cut, how);
                for _ in 0..2 {
                    let channel = Channel::new(chat.clone());
                    for notice in &notices {
                        channel.owe(notice);
                    }
                    serve(&channel, &outbox, &clock, Span(2 * MINUTE));
                    disk.restore();
                }
                let threads = held(&chat.threads);
                assert_eq!(
                    threads.len(),
                    1,
                    "cut {cut} {how:?}, lost {lost}: {threads:?}"
                );
                let mut ids = threads[0].1.clone();
                ids.sort();
                let mut wanted: Vec<String> = notices.iter().map(|one| one.id.clone()).collect();
                wanted.sort();
                assert_eq!(ids, wanted, "cut {cut} {how:?}, lost {lost}");
            }
        }
    }

    #[test]
    fn whoever_asks_to_wait_is_waited_for_and_the_pace_is_kept() {
        let chat = Arc::new(Chat::default());
        *held(&chat.asks_for) = Some(Span(40 * SECOND));
        let (outbox, clock) = (MemoryBooks::default(), Hand::default());
        let channel = Channel::new(chat.clone());
        for seq in 0..3 {
            channel.owe(&of("inc-1", seq, "verdict"));
        }
        let told = |long: i64| {
            serve(&channel, &outbox, &clock, Span(long * SECOND / 10));
            channel.standing(clock.now()).told
        };
        assert_eq!(told(395), 0);
        assert_eq!(told(10), 1);
        assert_eq!(told(5), 1);
        assert_eq!(told(10), 2);
        assert_eq!(told(10), 3);
    }

    #[test]
    fn what_will_never_be_taken_is_given_up_at_once_and_shown() {
        let chat = Arc::new(Chat::default());
        held(&chat.never).push("inc-1/1/opened".to_string());
        let (outbox, clock) = (MemoryBooks::default(), Hand::default());
        let channel = Channel::new(chat.clone());
        channel.owe(&of("inc-1", 1, "opened"));
        channel.tell(&outbox, &clock);
        let standing = channel.standing(clock.now());
        assert_eq!((standing.waiting, standing.given_up), (0, 1));
        assert_eq!(standing.trouble.map(|t| t.why), Some("400".to_string()));
        let delivery = outbox.delivery("inc-1/1/opened", "chat").unwrap().unwrap();
        assert_eq!((delivery.told, delivery.why.as_str()), (false, "400"));
    }

    #[test]
    fn whoever_was_told_of_an_incident_is_told_of_its_end() {
        let chat = Arc::new(Chat::default());
        let (outbox, clock) = (MemoryBooks::default(), Hand::default());
        let channel = Channel::new(chat.clone());
        let mild = |incident: &str, seq, kind: &str| {
            let mut one = Notice::clone(&of(incident, seq, kind));
            one.severity = model::Severity::Info;
            Arc::new(one)
        };
        channel.owe(&of("inc-1", 1, "opened"));
        channel.owe(&mild("inc-1", 2, "verdict"));
        channel.owe(&mild("inc-1", 3, "closed"));
        channel.owe(&mild("inc-2", 1, "opened"));
        channel.owe(&mild("inc-2", 2, "closed"));
        serve(&channel, &outbox, &clock, Span(MINUTE));
        let told = vec!["inc-1/1/opened".to_string(), "inc-1/3/closed".to_string()];
        let threads = held(&chat.threads);
        assert_eq!(*threads, [(IncidentId("inc-1".to_string()), told)]);
        assert_eq!(channel.standing(clock.now()).given_up, 0);
    }

    proptest::proptest! {
        #[test]
        fn waits_grow_to_their_bound_and_are_spread(tries in 0u32..100, name in "[a-z]{0,8}") {
            let wait = wait(tries, &name, "webhook");
            let whole = (RETRY.0 << tries.saturating_sub(1).min(10)).min(LONGEST.0);
            proptest::prop_assert!(wait.0 >= whole / 2 && wait.0 <= whole);
        }
    }
}
