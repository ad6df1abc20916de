//! Does this machine come to its work? Where many more want to run than it has processors, everything takes longer, and
//! how long that took says little of who was asked. Two readings tell, a round at a time: how many want to run, and how
//! much later than it wanted a round of the watch was woken, which also sees what a host or a quota takes away. Whoever
//! looks at that time later is told.

use std::collections::VecDeque;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::query::{Gap, GapReason};
use model::time::{MINUTE, SECOND, Span, TimeWindow, Timestamp};

/// Rounds are judged by so many seconds of them.
const STRETCH: Span = Span(5 * SECOND);
/// So many that want to run per processor, in the mean of a stretch, are need: each has a quarter of one.
const CROWD: f64 = 4.0;
/// So late in the mean is need. A machine that compiles on all of its processors wakes who sleeps within 1 ms.
const LATE: Duration = Duration::from_millis(20);
/// Stretches no further apart than this are told as one.
const CLOSE: Span = Span(15 * SECOND);
/// So far back it counts: what is still wrong so long after the need is over is wrong for another reason.
const LATELY: Span = Span(10 * MINUTE);
/// Most of them; the oldest are forgotten.
const MOST: usize = 1440;

/// Asked once: whoever asks reads several files for it.
static PROCESSORS: LazyLock<f64> = LazyLock::new(|| {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    count as f64
});

/// What one round of the watch saw of its machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Round {
    /// How much later than it wanted it was woken.
    pub late: Duration,
    /// How many others wanted to run, per processor; 0 where nobody tells.
    pub crowd: f64,
}

impl Round {
    /// One that wanted to sleep for `wanted` and slept for `slept`, at this moment.
    pub fn after(wanted: Duration, slept: Duration) -> Self {
        // Only Linux tells; elsewhere the delay has to do.
        let told = std::fs::read_to_string("/proc/loadavg").ok();
        let running = told.as_deref().and_then(running).unwrap_or(0);
        Self {
            late: slept.saturating_sub(wanted),
            // Whoever asks is running.
            crowd: f64::from(running.saturating_sub(1)) / *PROCESSORS,
        }
    }
}

/// How many want to run: before the stroke in the fourth field of `/proc/loadavg` (`man 5 proc_loadavg`).
fn running(loadavg: &str) -> Option<u32> {
    let (running, _) = loadavg.split_ascii_whitespace().nth(3)?.split_once('/')?;
    running.parse().ok()
}

/// When the machine was short of processor, and how much.
#[derive(Debug, Default)]
pub struct Starved(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The stretch that is being counted: its begin, and its rounds' number and sums.
    counted: Option<(Timestamp, u32, Round)>,
    needs: VecDeque<Need>,
}

#[derive(Clone, Copy, Debug)]
struct Need {
    from: Timestamp,
    to: Timestamp,
    /// The worst means of its stretches.
    worst: Round,
}

impl Need {
    fn joined(self, later: Self) -> Self {
        Self {
            from: self.from,
            to: later.to,
            worst: Round {
                late: self.worst.late.max(later.worst.late),
                crowd: self.worst.crowd.max(later.worst.crowd),
            },
        }
    }

    fn words(&self) -> String {
        let mut words = Vec::new();
        if self.worst.crowd >= CROWD {
            words.push(format!(
                "up to {:.0} programs wanted to run on each processor",
                self.worst.crowd
            ));
        }
        if self.worst.late >= LATE {
            words.push(format!(
                "the watch was woken up to {} ms late",
                self.worst.late.as_millis()
            ));
        }
        words.join(", and ")
    }
}

impl Starved {
    /// Takes down what a round saw that ended `now`. `Err` while the machine is in need: what to tell.
    pub fn note(&self, round: Round, now: Timestamp) -> Result<(), String> {
        let mut kept = self.kept();
        let (from, rounds, sum) = kept.counted.unwrap_or((now, 0, Round::default()));
        let (rounds, sum) = (
            rounds + 1,
            Round {
                late: sum.late + round.late,
                crowd: sum.crowd + round.crowd,
            },
        );
        if (0..STRETCH.0).contains(&now.since(from).0) {
            kept.counted = Some((from, rounds, sum));
        } else {
            kept.counted = Some((now, 0, Round::default()));
            kept.judge(Need {
                from,
                to: now,
                worst: Round {
                    late: sum.late / rounds,
                    crowd: sum.crowd / f64::from(rounds),
                },
            });
        }
        match kept.needs.back() {
            Some(need) if (0..=CLOSE.0).contains(&now.since(need.to).0) => Err(format!(
                "this machine is short of processor since {}: {} in the mean of {} s; what takes longer on it may do so for \
                 that alone",
                need.from,
                need.words(),
                STRETCH.0 / SECOND
            )),
            _ => Ok(()),
        }
    }

    /// What a look at `window` has to know: of its last minutes, since a look reaches back much farther than what it is
    /// to explain.
    pub fn gaps(&self, window: TimeWindow) -> Vec<Gap> {
        let kept = self.kept();
        let from = window.from().max(window.to().minus(LATELY));
        let within = kept
            .needs
            .iter()
            .filter(|need| need.from < window.to() && need.to >= from);
        let gap = |need: Need| {
            Gap::new(
                "how long things take",
                GapReason::Starved,
                format!(
                    "the machine of this watch was short of processor between {} and {}: {} in the mean of {} s; \
                     what shares that machine was slow for this alone",
                    need.from,
                    need.to,
                    need.words(),
                    STRETCH.0 / SECOND
                ),
                "give the machine of the watch more processor, or the watch a machine of its own",
            )
        };
        within
            .copied()
            .reduce(Need::joined)
            .map(gap)
            .into_iter()
            .collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Whoever panicked while counting left at worst one round out.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn judge(&mut self, stretch: Need) {
        if stretch.worst.crowd < CROWD && stretch.worst.late < LATE {
            return;
        }
        match self.needs.back_mut() {
            Some(last) if (0..=CLOSE.0).contains(&stretch.from.since(last.to).0) => {
                *last = last.joined(stretch);
            }
            _ => self.needs.push_back(stretch),
        }
        if self.needs.len() > MOST {
            self.needs.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_REST: Round = Round {
        late: Duration::from_millis(1),
        crowd: 0.5,
    };

    /// Ten rounds a second from then on, each like this; what was told last.
    fn rounds(starved: &Starved, from: i64, seconds: i64, round: Round) -> Result<(), String> {
        let mut told = Ok(());
        for tenth in 0..seconds * 10 {
            let now = Timestamp(from * SECOND + tenth * SECOND / 10);
            told = starved.note(round, now);
        }
        told
    }

    fn late(ms: u64) -> Round {
        Round {
            late: Duration::from_millis(ms),
            ..AT_REST
        }
    }

    #[test]
    fn the_kernel_s_line_is_read() {
        assert_eq!(running("0.63 1.28 1.65 3/412 12345\n"), Some(3));
        for wrong in ["", "1 2 3", "1 2 3 4 5", "0 0 0 x/4 1", "0 0 0 -1/4 1"] {
            assert_eq!(running(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_look_hears_of_need_in_its_time_and_of_no_other() {
        let starved = Starved::default();
        assert_eq!(rounds(&starved, 100, 20, AT_REST), Ok(()));
        let crowd = Round {
            crowd: 13.0,
            ..AT_REST
        };
        let told = rounds(&starved, 120, 20, crowd).unwrap_err();
        assert!(
            told.contains("up to 13 programs wanted to run on each processor in the mean"),
            "{told}"
        );
        let told = rounds(&starved, 140, 20, late(45)).unwrap_err();
        assert!(
            told.contains("and the watch was woken up to 45 ms late"),
            "{told}"
        );
        assert_eq!(rounds(&starved, 160, 60, AT_REST), Ok(()));
        let gaps = |from, to| {
            let at = Timestamp::from_seconds;
            starved.gaps(TimeWindow::new(at(from), at(to)).unwrap())
        };
        assert_eq!(gaps(0, 114), vec![]);
        assert_eq!(gaps(170, 200), vec![]);
        // A look that reaches back to it from long after it.
        assert_eq!(gaps(90, 1000), vec![]);
        let [told] = &gaps(90, 200)[..] else {
            panic!("one stretch is one gap")
        };
        assert_eq!(told.why, GapReason::Starved);
        assert!(told.detail.contains("up to 13 programs"), "{}", told.detail);
    }

    #[test]
    fn one_late_round_and_a_machine_that_is_merely_busy_are_no_need() {
        let starved = Starved::default();
        let busy = Round {
            crowd: 2.5,
            ..late(3)
        };
        for second in 0..60 {
            assert_eq!(rounds(&starved, second, 1, busy), Ok(()));
            let now = Timestamp((second + 1) * SECOND - 1);
            let once = if second % 10 == 5 { late(400) } else { busy };
            assert_eq!(starved.note(once, now), Ok(()), "{second}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_begins_anew() {
        let starved = Starved::default();
        assert!(rounds(&starved, 1000, 30, late(90)).is_err());
        assert_eq!(rounds(&starved, 100, 30, AT_REST), Ok(()));
        assert!(rounds(&starved, 130, 10, late(50)).is_err());
    }

    #[test]
    fn no_more_is_remembered_than_is_kept() {
        let starved = Starved::default();
        for i in 0..6000 {
            let round = if i % 3 == 0 { late(1000) } else { AT_REST };
            let _ = starved.note(round, Timestamp::from_seconds(i * 30));
        }
        assert_eq!(starved.kept().needs.len(), MOST);
    }
}
