//! One case as the engine sees it: the scene, what the survey found, and what it cost.

use analysis::changes::{FailureVocabulary, relevance};
use analysis::series::Scratch;
use model::lesson::Lesson;
use model::ports::{Eyes, Scanned};
use model::query::{Answer, Gap, GapReason, Query};
use model::report::{BudgetLimit, Cost, QueryRun};
use model::{SourceKind, TimeWindow, Timestamp};

use crate::facts::Facts;
use crate::history;
use crate::plan;
use crate::probes;
use crate::scene::Scene;
use crate::ways;

/// What the engine tells whoever waits.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// About to read a kind of source.
    Reading(SourceKind),
    /// Read it: how many rows.
    Read(SourceKind, u64),
    /// Weighing this many hypotheses.
    Weighing(usize),
    /// Writing the report.
    Writing,
}

/// One case as the engine sees it.
pub struct World<'a> {
    /// Where it looks.
    pub eyes: &'a dyn Eyes,
    /// Who there is, and which stretches are compared.
    pub scene: Scene,
    /// What was found.
    pub facts: Facts,
    /// Everything that was asked.
    pub queries: Vec<QueryRun>,
    /// What it cost.
    pub cost: Cost,
    /// What earlier incidents taught.
    pub lessons: Vec<Lesson>,
    /// Requests that spans tell of, so that log lines can be counted per request.
    requests: probes::traces::RequestCounts,
}

/// How far back changes are looked for, before the window.
const CHANGES_BEFORE: model::Span = model::Span(24 * 60 * model::time::MINUTE);

impl<'a> World<'a> {
    /// Looks at everything that the budget allows, in the order in which it tells most for its cost.
    pub fn survey(eyes: &'a dyn Eyes, budget: BudgetLimit, progress: &mut dyn FnMut(Step)) -> Self {
        let scene = Scene::read(eyes);
        let mut world = Self {
            eyes,
            scene,
            facts: Facts::default(),
            queries: Vec::new(),
            cost: Cost::default(),
            lessons: history::handed_in(eyes),
            requests: Default::default(),
        };
        world.look_at_metrics(budget, progress);
        let mut left = vec![
            SourceKind::Changes,
            SourceKind::State,
            SourceKind::Events,
            SourceKind::Traces,
            SourceKind::Logs,
        ];
        let mut beliefs = plan::beliefs(&world);
        while let Some(next) = plan::next_read(&beliefs, &left) {
            left.retain(|kind| *kind != next);
            if world.cost.reads >= budget.reads {
                world.refuse(next, GapReason::Budget, "the read budget was spent");
                continue;
            }
            progress(Step::Reading(next));
            world.cost.reads += 1;
            let rows_before = world.cost.rows;
            match next {
                SourceKind::Changes => world.look_at_changes(),
                SourceKind::State => world.look_at_states(),
                SourceKind::Events => world.look_at_events(),
                SourceKind::Traces => world.look_at_traces(),
                SourceKind::Logs => world.look_at_logs(),
                SourceKind::Metrics
                | SourceKind::Topology
                | SourceKind::Alarm
                | SourceKind::Lessons => {}
            }
            let rows = world.cost.rows - rows_before;
            if rows > 0 && left.len() > 1 {
                beliefs = plan::beliefs(&world);
            }
            progress(Step::Read(next, rows));
        }
        world.facts.event_facts =
            probes::events::standing(&world.scene, &world.facts.events, &world.facts.state_facts);
        world.facts.covered.sort_unstable();
        for (from, to, line) in ways::told(&world.scene, &world.facts.logs) {
            world.scene.hear_of(from, to, line);
        }
        world.weigh_words();
        world
    }

    fn look_at_metrics(&mut self, budget: BudgetLimit, progress: &mut dyn FnMut(Step)) {
        if budget.reads == 0 {
            self.refuse(
                SourceKind::Metrics,
                GapReason::Budget,
                "the read budget was spent",
            );
            return;
        }
        progress(Step::Reading(SourceKind::Metrics));
        self.cost.reads += 1;
        let all = probes::series::ask(self.eyes);
        let query = Query::Metric {
            entity: "*".into(),
            metric: "*".to_string(),
            statistic: String::new(),
            window: self.scene.span(),
        };
        match all {
            Answer::Found(all) => {
                let rows: u64 = all.iter().map(|s| s.times.len() as u64).sum();
                let mut scratch = Scratch::new();
                // First only the alarmed: they say where "before" ends. Then everybody, against that.
                let alarmed: Vec<_> = all
                    .iter()
                    .filter(|s| {
                        self.scene
                            .unit(&s.key.entity)
                            .is_some_and(|u| self.scene.alarmed.binary_search(&u).is_ok())
                    })
                    .cloned()
                    .collect();
                let first = self.first_point(&alarmed);
                self.scene.borrow_baseline(first);
                let early = probes::series::judge(&self.scene, &alarmed, &mut scratch);
                let onset = probes::series::onset_of_alarms(&self.scene, self.eyes, &early);
                self.scene.settle(onset.map(|o| o.lo));
                self.facts.series = probes::series::judge(&self.scene, &all, &mut scratch);
                self.covered(
                    SourceKind::Metrics,
                    query,
                    Answer::Found(Scanned {
                        rows,
                        bytes: rows * 16,
                    }),
                );
                progress(Step::Read(SourceKind::Metrics, rows));
            }
            Answer::Nothing => self.covered(SourceKind::Metrics, query, Answer::Nothing),
            Answer::CouldNotLook(gap) => {
                self.covered(SourceKind::Metrics, query, Answer::CouldNotLook(gap))
            }
        }
    }

    fn first_point(&self, series: &[std::sync::Arc<model::Series>]) -> Option<Timestamp> {
        series
            .iter()
            .filter_map(|s| s.times.first())
            .min()
            .map(|t| Timestamp(*t))
    }

    fn look_at_changes(&mut self) {
        let from = self
            .scene
            .window
            .from()
            .min(self.scene.alarm_at)
            .minus(CHANGES_BEFORE);
        let window = TimeWindow::new(from, self.scene.now).unwrap_or(self.scene.window);
        let answer = self.eyes.changes(window);
        let counted = count(&answer);
        if let Answer::Found(changes) = answer {
            self.facts.changes = probes::changes::judge(&self.scene, changes);
        }
        self.covered(SourceKind::Changes, Query::Changes { window }, counted);
    }

    fn look_at_states(&mut self) {
        let window =
            TimeWindow::new(Timestamp(i64::MIN), self.scene.now).unwrap_or(self.scene.window);
        let answer = self.eyes.snapshots(window);
        let counted = count(&answer);
        if let Answer::Found(snapshots) = answer {
            self.facts.states = probes::states::judge(&self.scene, snapshots);
            self.facts.state_facts = probes::states::health(&self.scene, &self.facts.states);
        }
        let query = Query::State {
            entity: "*".into(),
            kind: "*".to_string(),
            path: String::new(),
        };
        self.covered(SourceKind::State, query, counted);
    }

    fn look_at_events(&mut self) {
        let window =
            TimeWindow::new(Timestamp(i64::MIN), self.scene.now).unwrap_or(self.scene.window);
        let answer = self.eyes.events(window);
        let counted = count(&answer);
        if let Answer::Found(events) = answer {
            self.facts.events = probes::events::judge(&self.scene, events);
        }
        // All that is on record is read, because what was said long ago may still stand; the query that people
        // repeat is about the stretch that is compared.
        let query = Query::Events {
            entity: None,
            pattern: String::new(),
            window: self.scene.span(),
        };
        self.covered(SourceKind::Events, query, counted);
    }

    fn look_at_traces(&mut self) {
        let (edges, work, requests, answer) = probes::traces::traces(self.eyes, &self.scene);
        self.facts.edges = edges;
        self.facts.work = work;
        self.requests = requests;
        let query = Query::Traces {
            entity: "*".into(),
            caller: None,
            operation: String::new(),
            window: self.scene.span(),
        };
        self.covered(SourceKind::Traces, query, answer);
    }

    fn look_at_logs(&mut self) {
        let (reading, answer) = probes::logs::logs(self.eyes, &self.scene, &self.requests);
        self.facts.logs = reading.facts;
        for quiet in reading.quiet {
            let place = self
                .facts
                .work
                .binary_search_by_key(&quiet.unit, |w| w.unit);
            if let Ok(at) = place {
                let known = &mut self.facts.work[at].quiet;
                if known.as_ref().is_none_or(|k| quiet.nats > k.nats) {
                    *known = Some(quiet);
                }
            }
        }
        let query = Query::Logs {
            entity: None,
            pattern: String::new(),
            window: self.scene.span(),
        };
        self.covered(SourceKind::Logs, query, answer);
    }

    /// Once everything is read: how much do the words of each change belong to the failure?
    fn weigh_words(&mut self) {
        let mut words = FailureVocabulary::new();
        for fact in self
            .facts
            .logs
            .iter()
            .filter(|f| f.z > 2.0 && (f.is_error() || f.before == 0))
        {
            words.add_text(&fact.template);
        }
        for fact in self
            .facts
            .series
            .iter()
            .filter(|f| f.bad > probes::series::BAND)
        {
            words.add_name(&fact.series.key.metric);
            words.add_service(self.scene.name(fact.unit));
        }
        for fact in self
            .facts
            .work
            .iter()
            .filter(|f| f.origin_errors.1 > f.origin_errors.0 || f.own_z > 3.5)
        {
            words.add_name(&fact.operation);
            for message in &fact.messages {
                words.add_text(message);
            }
        }
        for alarm in self.eyes.alarms() {
            words.add_name(alarm.metric.as_deref().unwrap_or_default());
        }
        words.weigh_against(self.facts.changes.iter().map(|c| &*c.full));
        for fact in &mut self.facts.changes {
            fact.relevance = relevance(&fact.full, &words).score;
        }
    }

    fn covered(&mut self, kind: SourceKind, query: Query, answer: Answer<Scanned>) {
        let (word, rows) = match answer {
            Answer::Found(scanned) => {
                self.cost.rows += scanned.rows;
                self.cost.bytes += scanned.bytes;
                self.facts.covered.push(kind);
                ("found", scanned.rows)
            }
            Answer::Nothing => {
                self.facts.covered.push(kind);
                ("nothing", 0)
            }
            Answer::CouldNotLook(gap) => {
                if !self
                    .scene
                    .gaps
                    .iter()
                    .any(|g| g.wanted == gap.wanted && g.entity == gap.entity)
                {
                    self.scene.gaps.push(gap);
                }
                ("could_not_look", 0)
            }
        };
        self.queries.push(QueryRun {
            query,
            answer: word.to_string(),
            rows,
        });
    }

    fn refuse(&mut self, kind: SourceKind, why: GapReason, detail: &str) {
        self.scene.gaps.push(Gap {
            wanted: kind.word().to_string(),
            entity: None,
            hides: Vec::new(),
            why,
            detail: detail.to_string(),
            how_to_close: "run again with a larger --budget".to_string(),
        });
    }
}

fn count<T>(answer: &Answer<Vec<T>>) -> Answer<Scanned> {
    match answer {
        Answer::Found(rows) => Answer::Found(Scanned {
            rows: rows.len() as u64,
            bytes: 0,
        }),
        Answer::Nothing => Answer::Nothing,
        Answer::CouldNotLook(gap) => Answer::CouldNotLook(gap.clone()),
    }
}
