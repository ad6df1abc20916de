//! Measures the detector on labelled public series: event-wise F1, false alerts per series and day, delay.
//!
//! `cargo run --release -p midwatch-analysis --example detector -- NAB_DIR CLOUD_MONITORING_DIR`
//!
//! A labelled window is found when an event alarms within it (or at most `GRACE` steps after); an event that
//! overlaps no window, widened likewise, is a false alert. Labels a few steps apart are one window.

use std::path::{Path, PathBuf};
use std::time::Instant;

use analysis::series::{Config, Event, detect, median, median_step};

/// Steps by which a window is widened at its end.
const GRACE: i64 = 3;
const DAY_NS: f64 = 86_400e9;

struct Case {
    name: String,
    times: Vec<i64>,
    values: Vec<f64>,
    windows: Vec<(i64, i64)>,
}

#[derive(Default)]
struct Tally {
    series: usize,
    windows: usize,
    found: usize,
    events: usize,
    matched: usize,
    days: f64,
    points: usize,
    delays: Vec<f64>,
    seconds: f64,
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(nab), Some(cloud)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: detector NAB_DIR CLOUD_MONITORING_DIR");
        std::process::exit(2);
    };
    let each = arguments.next().is_some();
    report("nab", &load(Path::new(&nab), true)?, each);
    report("cloud-monitoring", &load(Path::new(&cloud), false)?, each);
    Ok(())
}

fn report(suite: &str, cases: &[Case], each: bool) {
    let config = Config::default();
    let mut all = Tally::default();
    for case in cases {
        let before = (all.found, all.events, all.matched);
        let start = Instant::now();
        let events = detect(&case.times, &case.values, &config);
        all.seconds += start.elapsed().as_secs_f64();
        all.add(case, &events);
        if each {
            println!(
                "  {:55} windows {:3} found {:3} events {:4} matched {:3}",
                case.name,
                case.windows.len(),
                all.found - before.0,
                all.events - before.1,
                all.matched - before.2
            );
        }
    }
    all.print(suite);
}

impl Tally {
    fn add(&mut self, case: &Case, events: &[Event]) {
        let grace = GRACE * median_step(&case.times).unwrap_or(0);
        let hit = |w: &(i64, i64), e: &Event| e.detected >= w.0 && e.detected <= w.1 + grace;
        self.series += 1;
        self.points += case.times.len();
        self.windows += case.windows.len();
        self.events += events.len();
        self.matched += events
            .iter()
            .filter(|e| {
                case.windows
                    .iter()
                    .any(|w| e.to >= w.0 && e.from <= w.1 + grace)
            })
            .count();
        for window in &case.windows {
            if let Some(event) = events.iter().find(|e| hit(window, e)) {
                self.found += 1;
                self.delays.push((event.detected - window.0) as f64 / 60e9);
            }
        }
        if let (Some(first), Some(last)) = (case.times.first(), case.times.last()) {
            self.days += (last - first) as f64 / DAY_NS;
        }
    }

    fn print(&self, suite: &str) {
        let precision = self.matched as f64 / self.events.max(1) as f64;
        let recall = self.found as f64 / self.windows.max(1) as f64;
        let f1 = 2.0 * precision * recall / (precision + recall).max(1e-9);
        println!(
            "{suite}: {} series, {} windows: precision {precision:.3} recall {recall:.3} F1 {f1:.3}, \
             false alerts per series and day {:.3}, median delay {:.0} min, {:.0} points/s",
            self.series,
            self.windows,
            (self.events - self.matched) as f64 / self.days,
            median(&self.delays).unwrap_or(f64::NAN),
            self.points as f64 / self.seconds
        );
    }
}

/// Every `*.csv` one folder down, by name.
fn load(root: &Path, nab: bool) -> std::io::Result<Vec<Case>> {
    let windows = if nab {
        std::fs::read_to_string(root.join("combined_windows.json"))?
    } else {
        String::new()
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in std::fs::read_dir(root)?
        .flatten()
        .filter(|f| f.path().is_dir())
    {
        let inside = std::fs::read_dir(folder.path())?
            .flatten()
            .map(|f| f.path());
        files.extend(inside.filter(|p| p.extension().is_some_and(|e| e == "csv")));
    }
    files.sort();
    files
        .iter()
        .map(|file| read(root, file, &windows, nab))
        .collect()
}

fn read(root: &Path, file: &Path, windows: &str, nab: bool) -> std::io::Result<Case> {
    let name = file
        .strip_prefix(root)
        .unwrap_or(file)
        .to_string_lossy()
        .into_owned();
    let (mut times, mut values, mut labelled) = (Vec::new(), Vec::new(), Vec::new());
    for line in std::fs::read_to_string(file)?.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').map(|f| f.trim_matches('"')).collect();
        let [time, value, ..] = fields[..] else {
            continue;
        };
        if let (Some(t), Ok(v)) = (instant(time), value.parse()) {
            times.push(t);
            values.push(v);
            if fields.get(2).is_some_and(|l| l.starts_with('1')) {
                labelled.push(t);
            }
        }
    }
    let windows = if nab {
        quoted_after(windows, &name)
    } else {
        let step = median_step(&times).unwrap_or(0);
        let mut out: Vec<(i64, i64)> = Vec::new();
        for t in labelled {
            match out.last_mut() {
                Some(last) if t - last.1 <= (GRACE + 1) * step => last.1 = t,
                _ => out.push((t, t)),
            }
        }
        out
    };
    Ok(Case {
        name,
        times,
        values,
        windows,
    })
}

/// The pairs of times that follow a file's name in NAB's list of windows.
fn quoted_after(text: &str, name: &str) -> Vec<(i64, i64)> {
    let Some((_, rest)) = text.split_once(&format!("\"{name}\":")) else {
        return Vec::new();
    };
    let own = rest.split(".csv\"").next().unwrap_or("");
    let times: Vec<i64> = own.split('"').filter_map(instant).collect();
    times
        .chunks_exact(2)
        .map(|pair| (pair[0], pair[1]))
        .collect()
}

/// Nanoseconds since 1970 of `2014-04-10 07:15:00[.000000]`, with `T` and `Z` or without.
fn instant(text: &str) -> Option<i64> {
    let numbers: Vec<i64> = text
        .split(['-', ' ', 'T', ':', '.', 'Z'])
        .take(6)
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let [year, month, day, hour, minute, second] = numbers[..] else {
        return None;
    };
    // Days since 1970 in the proleptic Gregorian calendar, years beginning in March.
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let in_era = y.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + of_year - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60_000_000_000 + second * 1_000_000_000)
}
