//! Which metrics are read, and how selectors are written.

use std::collections::BTreeMap;

use model::query::{Gap, GapReason};

use super::Settings;
use crate::pull::matchers::{is_plain, literally, quoted};

/// One metric that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub name: String,
    pub series: u64,
}

/// What is read and what is not.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub parts: Vec<Part>,
    /// Of more series than one metric may have.
    pub large: Vec<Part>,
    /// Beyond all series that may be read.
    pub beyond: Vec<Part>,
}

/// Metrics that say nothing of the system: about scraping, about alerts, about the moment of creation, about the
/// scraper itself.
const NOISE: [&str; 10] = [
    "ALERTS",
    "scrape_",
    "prometheus_",
    "promhttp_",
    "go_memstats_",
    "go_gc_",
    "go_info",
    "net_conntrack_",
    "alertmanager_",
    "loki_",
];

/// Families of which exporters do not say what they are, and that are counted since their source began; with how those go
/// on that are not: PostgreSQL's cumulative statistics (`monitoring-stats` in its manual), the kernel's event counters in
/// `/proc/vmstat` and `/proc/net/snmp`.
const COUNTED: [(&str, &[&str]); 3] = [
    (
        "pg_stat_database_",
        &[
            "numbackends",
            "datid",
            "stats_reset",
            "checksum_last_failure",
        ],
    ),
    ("node_vmstat_", &["nr_"]),
    (
        "node_netstat_",
        &["Tcp_CurrEstab", "Tcp_MaxConn", "Tcp_Rto"],
    ),
];

fn is_counted(name: &str) -> bool {
    COUNTED.iter().any(|(family, levels)| {
        name.strip_prefix(family)
            .is_some_and(|rest| !levels.iter().any(|level| rest.starts_with(level)))
    })
}

/// Is the metric worth reading?
pub(super) fn is_wanted(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 256
        && !name.ends_with("_created")
        && !NOISE.iter().any(|noise| name.starts_with(noise))
}

/// The name of the family that a series' name is part of, and which part.
pub(super) fn family<'n>(
    name: &'n str,
    kinds: &BTreeMap<String, String>,
) -> (&'n str, Option<&'static str>, &'static str) {
    let kind = |name: &str| kinds.get(name).map(String::as_str);
    for (suffix, part) in [("_bucket", "bucket"), ("_count", "count"), ("_sum", "sum")] {
        if let Some(base) = name.strip_suffix(suffix) {
            match kind(base) {
                Some("histogram") => return (base, Some(part), "histogram"),
                Some("summary") if part != "bucket" => return (base, Some(part), "summary"),
                _ => {}
            }
        }
    }
    match kind(name).or_else(|| kind(name.strip_suffix("_total")?)) {
        Some("counter") => (name, None, "counter"),
        Some("summary") => (name, Some("quantile"), "summary"),
        Some("gauge" | "stateset" | "info" | "gaugehistogram") => (name, None, "gauge"),
        // Names tell where nothing else does.
        _ if name.ends_with("_total") || is_counted(name) => (name, None, "counter"),
        _ => match name.strip_suffix("_bucket") {
            Some(base) => (base, Some("bucket"), "histogram"),
            None => (name, None, "gauge"),
        },
    }
}

/// What is read under these limits: families whole, those of few series first, so that one that explodes costs only
/// itself; ties by name.
pub(super) fn choose(
    names: &[String],
    kinds: &BTreeMap<String, String>,
    counts: &BTreeMap<String, u64>,
    settings: &Settings,
) -> Chosen {
    let mut families: BTreeMap<&str, (u64, Vec<Part>)> = BTreeMap::new();
    for name in names {
        let series = counts.get(name).copied().unwrap_or(1);
        let base = family(name, kinds).0;
        // Without metadata the parts of a histogram are found by their bucket.
        let base = ["_count", "_sum"]
            .iter()
            .find_map(|suffix| {
                let base = name.strip_suffix(suffix)?;
                names
                    .binary_search_by(|known| known.as_str().cmp(&format!("{base}_bucket")))
                    .ok()
                    .map(|_| base)
            })
            .unwrap_or(base);
        let (all, parts) = families.entry(base).or_default();
        *all += series;
        parts.push(Part {
            name: name.clone(),
            series,
        });
    }
    let mut families: Vec<(u64, Vec<Part>)> = families.into_values().collect();
    // What tells who is up, and who is who, comes first whatever it costs.
    let first = |parts: &[Part]| {
        !parts
            .iter()
            .any(|part| super::told::MAPS.contains(&part.name.as_str()))
    };
    families.sort_by(|a, b| {
        (first(&a.1), a.0, a.1.first().map(|p| &p.name)).cmp(&(
            first(&b.1),
            b.0,
            b.1.first().map(|p| &p.name),
        ))
    });
    let mut chosen = Chosen::default();
    let mut read = 0;
    for (all, parts) in families {
        if parts
            .iter()
            .any(|part| part.series > settings.series_per_metric)
        {
            chosen.large.extend(parts);
        } else if read + all > settings.series {
            chosen.beyond.extend(parts);
        } else {
            read += all;
            chosen.parts.extend(parts);
        }
    }
    chosen
}

impl Chosen {
    /// What is not read, why, and how to close it.
    pub fn gap(&self, name: &str, settings: &Settings) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut tell = |parts: &[Part], why: String, key: &str| {
            let Some(first) = parts.first() else {
                return;
            };
            let series: u64 = parts.iter().map(|part| part.series).sum();
            let some: Vec<String> = parts
                .iter()
                .take(5)
                .map(|part| format!("{} ({})", part.name, part.series))
                .collect();
            let more = if parts.len() > 5 { ", …" } else { "" };
            gaps.push(Gap::new(
                match parts.len() {
                    1 => format!("metric {}", first.name),
                    count => format!("{count} metrics of {name}"),
                },
                GapReason::Budget,
                format!("{series} series in {}{more}: {why}", some.join(", ")),
                format!("narrow what is read with match in [connectors.{name}], or raise {key}"),
            ));
        };
        tell(
            &self.large,
            format!(
                "more than the {} that one metric may have",
                settings.series_per_metric
            ),
            "series_per_metric",
        );
        tell(
            &self.beyond,
            format!("beyond the {} that one look reads", settings.series),
            "series",
        );
        gaps
    }
}

/// The selector of one metric; `more` are matchers, `matching` those of the configuration.
pub(super) fn selector(name: &str, more: &[String], matching: &str) -> String {
    let mut matchers: Vec<String> = more.to_vec();
    if !matching.is_empty() {
        matchers.push(matching.to_string());
    }
    if is_plain(name) {
        match matchers.is_empty() {
            true => name.to_string(),
            false => format!("{name}{{{}}}", matchers.join(",")),
        }
    } else {
        matchers.insert(0, quoted(name));
        format!("{{{}}}", matchers.join(","))
    }
}

/// The selector of several metrics.
pub(super) fn any_of(names: &[String], matching: &str) -> String {
    let any: Vec<String> = names.iter().map(|name| literally(name)).collect();
    let mut matchers = vec![format!("__name__=~{}", quoted(&any.join("|")))];
    if !matching.is_empty() {
        matchers.push(matching.to_string());
    }
    format!("{{{}}}", matchers.join(","))
}
