//! Which set of causes explains best what is seen and what is not.
//!
//! Noisy-OR: a reading is abnormal when at least one cause reaches it, or by the leak. A set's value, in nats, is
//! the log likelihood of all readings, abnormal and healthy, plus its members' own scores, less a cost for each.
//! Search by greedy add, swap and delete; probabilities from the small subsets of the best few candidates.

use std::collections::BTreeMap;

use super::odds::{share, softmax};

/// Gains smaller than this are rounding.
const SAME: f64 = 1e-9;
/// No cause is so sure of an effect that one healthy reading makes it impossible.
const SUREST: f64 = 0.999;

/// One thing looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Abnormal (a symptom), or looked at and healthy.
    pub abnormal: bool,
    /// How much it counts; one is usual, zero leaves it out.
    pub weight: f64,
}

/// Candidates and readings.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Row by row, one row per candidate: the probability that this candidate, if it is a cause, makes that
    /// reading abnormal. `scores.len() * readings.len()` numbers; missing ones count as zero.
    pub reach: &'a [f64],
    /// Each candidate's own score in nats (its log odds from all other evidence).
    pub scores: &'a [f64],
    /// The columns.
    pub readings: &'a [Reading],
}

/// Bounds and costs of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Cost of each cause, nats.
    pub cost: f64,
    /// Probability that a reading is abnormal without any of the candidates.
    pub leak: f64,
    /// Most causes in one set.
    pub most: usize,
    /// Candidates whose subsets are weighed for the posterior.
    pub best: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cost: 2.0,
            leak: 0.02,
            most: 6,
            best: 12,
        }
    }
}

/// The answer. Candidates are given by index; sets ascend.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The best set found; empty when no candidate explains anything worth its cost.
    pub chosen: Vec<usize>,
    /// Its value, nats.
    pub value: f64,
    /// Value of the empty set, nats: what chance alone would have to do.
    pub nothing: f64,
    /// Sets weighed, with their posterior probability, the most probable first.
    pub subsets: Vec<(Vec<usize>, f64)>,
    /// For each candidate the probability that it is among the causes; zero for those not weighed.
    pub marginals: Vec<f64>,
    /// For each reading the probability that the chosen set (or the leak) makes it abnormal.
    pub explained: Vec<f64>,
    /// Abnormal readings that the chosen set explains with a probability under one half.
    pub unexplained: Vec<usize>,
}

/// Finds the set of causes and the posterior. Candidates that reach no abnormal reading are never chosen, however
/// high their own score: nothing ties them to a symptom.
pub fn explain(question: &Question<'_>, limits: &Limits) -> Explanation {
    let net = Net::new(question, limits);
    let mut chosen = net.search(Vec::new());
    // A second start from the best single cause plus everything it leaves unexplained escapes the commonest trap
    // of greedy search: a broad mediocre cause taken first. Deleting from the full set is that start.
    let all_useful: Vec<usize> = net.leaders(&chosen, limits.most);
    let other = net.search(all_useful);
    if net.value(&other) > net.value(&chosen) + SAME {
        chosen = other;
    }
    let pool = net.leaders(&chosen, limits.best.max(chosen.len()).min(16));
    let mut weighed: BTreeMap<Vec<usize>, f64> = BTreeMap::new();
    let deepest = if net.columns.len() <= 64 { 4 } else { 3 };
    net.subsets(&pool, deepest.min(limits.most), &mut weighed);
    // A larger chosen set is weighed too, with all its parts and what comes of swapping or adding one.
    net.subsets(&chosen, chosen.len(), &mut weighed);
    for &c in &pool {
        if !chosen.contains(&c) {
            for drop in 0..=chosen.len() {
                let mut set = chosen.clone();
                if drop < set.len() {
                    set.remove(drop);
                }
                set.push(c);
                set.sort_unstable();
                if set.len() <= limits.most.max(1) {
                    let value = net.value(&set);
                    weighed.insert(set, value);
                }
            }
        }
    }
    let (sets, values): (Vec<Vec<usize>>, Vec<f64>) = weighed.into_iter().unzip();
    let mut subsets: Vec<(Vec<usize>, f64)> = sets.into_iter().zip(softmax(&values)).collect();
    let mut marginals = vec![0.0; question.scores.len()];
    for (set, p) in &subsets {
        for &c in set {
            marginals[c] += p;
        }
    }
    for m in &mut marginals {
        *m = share(*m);
    }
    subsets.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let explained: Vec<f64> = (0..question.readings.len())
        .map(|r| {
            let none: f64 = chosen.iter().map(|&c| 1.0 - net.reach(c, r)).product();
            share(1.0 - (1.0 - net.leak) * none)
        })
        .collect();
    let unexplained = (0..question.readings.len())
        .filter(|&r| question.readings[r].abnormal && explained[r] < 0.5)
        .collect();
    Explanation {
        value: net.value(&chosen),
        nothing: net.value(&[]),
        chosen,
        subsets,
        marginals,
        explained,
        unexplained,
    }
}

/// The question, cleaned: finite, bounded, and without columns that nobody reaches (they add the same to all sets).
struct Net<'a> {
    question: &'a Question<'a>,
    /// Columns that some useful candidate reaches.
    columns: Vec<usize>,
    /// Candidates that reach an abnormal reading.
    useful: Vec<usize>,
    leak: f64,
    cost: f64,
    most: usize,
}

impl<'a> Net<'a> {
    fn new(question: &'a Question<'a>, limits: &Limits) -> Self {
        let leak = share(limits.leak).clamp(1e-9, 0.5);
        let cost = if limits.cost.is_finite() {
            limits.cost
        } else {
            2.0
        };
        let mut net = Self {
            question,
            columns: Vec::new(),
            useful: Vec::new(),
            leak,
            cost,
            most: limits.most,
        };
        let counts = |r: &usize| {
            question.readings[*r].weight > 0.0 && question.readings[*r].weight.is_finite()
        };
        let readings: Vec<usize> = (0..question.readings.len()).filter(counts).collect();
        net.useful = (0..question.scores.len())
            .filter(|&c| !question.scores[c].is_nan() && question.scores[c] > f64::NEG_INFINITY)
            .filter(|&c| {
                readings
                    .iter()
                    .any(|&r| question.readings[r].abnormal && net.reach(c, r) > 0.0)
            })
            .collect();
        net.columns = readings
            .into_iter()
            .filter(|&r| net.useful.iter().any(|&c| net.reach(c, r) > 0.0))
            .collect();
        net
    }

    fn reach(&self, candidate: usize, reading: usize) -> f64 {
        let at = candidate * self.question.readings.len() + reading;
        self.question
            .reach
            .get(at)
            .map_or(0.0, |p| share(*p).min(SUREST))
    }

    fn score(&self, candidate: usize) -> f64 {
        self.question.scores[candidate].min(1e6)
    }

    /// Probability, for each column, that no member reaches it.
    fn missed(&self, set: &[usize]) -> Vec<f64> {
        self.columns
            .iter()
            .map(|&r| set.iter().map(|&c| 1.0 - self.reach(c, r)).product())
            .collect()
    }

    fn likelihood(&self, missed: impl Iterator<Item = f64>) -> f64 {
        self.columns
            .iter()
            .zip(missed)
            .map(|(&r, missed)| {
                let reading = self.question.readings[r];
                let none = (1.0 - self.leak) * missed;
                reading.weight
                    * if reading.abnormal {
                        (1.0 - none).ln()
                    } else {
                        none.ln()
                    }
            })
            .sum()
    }

    fn value(&self, set: &[usize]) -> f64 {
        let own: f64 = set.iter().map(|&c| self.score(c) - self.cost).sum();
        own + self.likelihood(self.missed(set).into_iter())
    }

    /// Greedy add, swap, delete from a start, until nothing gains.
    fn search(&self, start: Vec<usize>) -> Vec<usize> {
        let mut set = start;
        set.truncate(self.most);
        set.sort_unstable();
        let mut value = self.value(&set);
        // Each round gains, so that the search ends; the bound is for rounding's sake.
        for _ in 0..64 {
            let mut best: Option<(f64, Vec<usize>)> = None;
            let mut offer = |gained: f64, make: &dyn Fn() -> Vec<usize>| {
                if gained > value + SAME && best.as_ref().is_none_or(|b| gained > b.0 + SAME) {
                    best = Some((gained, make()));
                }
            };
            for out in 0..=set.len() {
                let mut rest = set.clone();
                if out < set.len() {
                    rest.remove(out);
                    offer(self.value(&rest), &|| rest.clone());
                }
                if rest.len() >= self.most {
                    continue;
                }
                let missed = self.missed(&rest);
                let own: f64 = rest.iter().map(|&c| self.score(c) - self.cost).sum();
                for &c in self.useful.iter().filter(|c| !set.contains(c)) {
                    let with = self
                        .columns
                        .iter()
                        .zip(&missed)
                        .map(|(&r, m)| m * (1.0 - self.reach(c, r)));
                    let gained = own + self.score(c) - self.cost + self.likelihood(with);
                    offer(gained, &|| {
                        let mut grown = rest.clone();
                        grown.push(c);
                        grown.sort_unstable();
                        grown
                    });
                }
            }
            match best {
                Some((gained, better)) => {
                    value = gained;
                    set = better;
                }
                None => break,
            }
        }
        set
    }

    /// The chosen, and then those that do best alone or in place of a chosen one; ascending by index.
    fn leaders(&self, chosen: &[usize], count: usize) -> Vec<usize> {
        let mut others: Vec<(f64, usize)> = self
            .useful
            .iter()
            .filter(|c| !chosen.contains(c))
            .map(|&c| {
                let joined = |skip: usize| {
                    let mut set: Vec<usize> = chosen
                        .iter()
                        .enumerate()
                        .filter(|(i, _)| *i != skip)
                        .map(|(_, c)| *c)
                        .collect();
                    set.push(c);
                    self.value(&set)
                };
                let best = (0..=chosen.len())
                    .map(joined)
                    .fold(self.value(&[c]), f64::max);
                (best, c)
            })
            .collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut out: Vec<usize> = chosen.to_vec();
        out.extend(
            others
                .iter()
                .map(|o| o.1)
                .take(count.saturating_sub(chosen.len())),
        );
        out.sort_unstable();
        out
    }

    /// All subsets of `pool` (ascending) with at most `deepest` members, the empty one among them.
    fn subsets(&self, pool: &[usize], deepest: usize, into: &mut BTreeMap<Vec<usize>, f64>) {
        let mut stack: Vec<(Vec<usize>, usize)> = vec![(Vec::new(), 0)];
        while let Some((set, next)) = stack.pop() {
            if set.len() < deepest {
                for (i, &member) in pool.iter().enumerate().skip(next) {
                    let mut grown = set.clone();
                    grown.push(member);
                    stack.push((grown, i + 1));
                }
            }
            let value = self.value(&set);
            into.insert(set, value);
        }
    }
}

#[cfg(test)]
mod tests;
