//! Along which ways can a failure travel from one unit to another, and how surely?

use std::collections::BTreeMap;

use model::EdgeKind;

use crate::catalogue::Spread;
use crate::constants as k;
use crate::scene::{Scene, SceneEdge};

/// Best ways from units of interest, a few hops far.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// From an interesting unit down to what it leans on: (hops, product of confidences x 0.9 per hop, next unit on the way).
    down: BTreeMap<u32, BTreeMap<u32, Way>>,
    /// The same, against the edges.
    up: BTreeMap<u32, BTreeMap<u32, Way>>,
    /// From an interesting unit to those that run on the same machine, by way of it.
    beside: BTreeMap<u32, BTreeMap<u32, Way>>,
    mapless: bool,
}

/// A way between two units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Way {
    /// How many edges.
    pub hops: u32,
    /// Product of edge confidences and hop factors.
    pub surety: f64,
    /// The unit before the last on the way (towards the start).
    pub before: u32,
}

impl Reach {
    /// Ways from each of `starts`.
    pub fn from(scene: &Scene, starts: impl IntoIterator<Item = u32>) -> Self {
        let mut reach = Self {
            mapless: scene.edges.iter().all(|edge| edge.told_by.is_some()),
            ..Self::default()
        };
        for start in starts {
            reach
                .down
                .entry(start)
                .or_insert_with(|| walk(scene, start, true));
            reach
                .up
                .entry(start)
                .or_insert_with(|| walk(scene, start, false));
            reach
                .beside
                .entry(start)
                .or_insert_with(|| neighbours(scene, start));
        }
        reach
    }

    /// How surely trouble of this sort at `unit` can show at `start`: as [`Reach::either`], and beside it on the same
    /// machine if it spreads so.
    pub fn way(&self, start: u32, unit: u32, spreads: Spread) -> Option<f64> {
        let beside = || {
            let way = self.beside.get(&start)?.get(&unit)?;
            (spreads == Spread::Neighbours).then_some(way.surety)
        };
        self.either(start, unit).or_else(beside)
    }

    /// The way from `start` down to `unit`, where failure climbs from `unit` to `start`.
    pub fn down(&self, start: u32, unit: u32) -> Option<Way> {
        self.down.get(&start)?.get(&unit).copied()
    }

    /// How surely trouble at `unit` can show at `start`, by either direction; 1 for itself.
    pub fn either(&self, start: u32, unit: u32) -> Option<f64> {
        if start == unit {
            return Some(1.0);
        }
        let down = self
            .down
            .get(&start)
            .and_then(|ways| ways.get(&unit))
            .map(|w| w.surety);
        let up = self
            .up
            .get(&start)
            .and_then(|ways| ways.get(&unit))
            .map(|w| w.surety);
        // Where nobody told who leans on whom, a way that only lines tell of is not less than a guess.
        let guess = self.mapless.then_some(k::NO_MAP);
        [down, up, guess].into_iter().flatten().reduce(f64::max)
    }

    /// Does the map lead from one to the other, in either direction?
    pub fn leads(&self, start: u32, unit: u32) -> bool {
        let known = |ways: &BTreeMap<u32, BTreeMap<u32, Way>>| {
            ways.get(&start)
                .is_some_and(|ways| ways.contains_key(&unit))
        };
        known(&self.down) || known(&self.up)
    }

    /// Is `either` a mere guess, because nothing is known of the map?
    pub fn is_guess(&self, start: u32, unit: u32) -> bool {
        self.mapless && start != unit && !self.leads(start, unit)
    }

    /// The units on the way from `start` to `unit`, both included; empty if there is none.
    pub fn path(&self, start: u32, unit: u32) -> Vec<u32> {
        if start == unit {
            return vec![start];
        }
        let pick = |ways: Option<&BTreeMap<u32, Way>>| -> Option<(f64, Vec<u32>)> {
            let ways = ways?;
            let surety = ways.get(&unit)?.surety;
            let mut path = vec![unit];
            let mut at = unit;
            while at != start && path.len() <= k::MOST_HOPS as usize + 1 {
                at = ways.get(&at)?.before;
                path.push(at);
            }
            path.reverse();
            Some((surety, path))
        };
        let down = pick(self.down.get(&start));
        let up = pick(self.up.get(&start));
        match (down, up) {
            (Some(a), Some(b)) => {
                if b.0 > a.0 {
                    b.1
                } else {
                    a.1
                }
            }
            (a, b) => a.or(b).map(|(_, path)| path).unwrap_or_else(|| {
                let way = self.beside.get(&start).and_then(|ways| ways.get(&unit));
                way.map(|way| vec![start, way.before, unit])
                    .unwrap_or_default()
            }),
        }
    }
}

/// Those that run on a machine that `start` runs on.
fn neighbours(scene: &Scene, start: u32) -> BTreeMap<u32, Way> {
    let runs_on = |edge: &SceneEdge| edge.kind == EdgeKind::RunsOn;
    let mut ways = BTreeMap::new();
    for (machine, down) in scene.below(start).filter(|(_, edge)| runs_on(edge)) {
        let others = scene.above(machine).filter(|(_, edge)| runs_on(edge));
        for (unit, up) in others.filter(|(unit, _)| *unit != start) {
            ways.entry(unit).or_insert(Way {
                hops: 2,
                surety: down.confidence * up.confidence * k::HOP * k::HOP,
                before: machine,
            });
        }
    }
    ways
}

/// Breadth first, so that the fewest hops win; among equals the surest, then the lowest number.
fn walk(scene: &Scene, start: u32, down: bool) -> BTreeMap<u32, Way> {
    let mut ways = BTreeMap::new();
    ways.insert(
        start,
        Way {
            hops: 0,
            surety: 1.0,
            before: start,
        },
    );
    let mut layer = vec![start];
    let factor = if down { k::HOP } else { k::HOP_UP };
    for hops in 1..=k::MOST_HOPS {
        let mut next: BTreeMap<u32, Way> = BTreeMap::new();
        for &at in &layer {
            let surety = ways[&at].surety;
            let neighbours: Vec<(u32, f64)> = if down {
                scene.below(at).map(|(u, e)| (u, e.confidence)).collect()
            } else {
                scene.above(at).map(|(u, e)| (u, e.confidence)).collect()
            };
            for (unit, confidence) in neighbours {
                if ways.contains_key(&unit) {
                    continue;
                }
                let way = Way {
                    hops,
                    surety: surety * confidence * factor,
                    before: at,
                };
                let best = next.entry(unit).or_insert(way);
                if way.surety > best.surety {
                    *best = way;
                }
            }
        }
        layer = next.keys().copied().collect();
        ways.extend(next);
        if layer.is_empty() {
            break;
        }
    }
    ways.remove(&start);
    ways.insert(
        start,
        Way {
            hops: 0,
            surety: 1.0,
            before: start,
        },
    );
    ways
}
