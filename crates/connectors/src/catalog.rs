//! Which connectors are asked when an incident is looked at: a line each. It is compiled whole into every build, so that
//! one that lacks a connector can say what it lacks, and how to come by it.
//!
//! What is pushed (`otlp`), posted (the inlets), told (the notifiers) or recorded (`files`) is asked for by nobody and has
//! no table in `[connectors]`, so it is not here.

/// What a connector brings to a case, or to the watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Brings {
    /// Numbers over time.
    Metrics,
    /// Lines of logs.
    Lines,
    /// Spans.
    Traces,
    /// What was altered.
    Changes,
    /// How things stand.
    States,
    /// What happened by somebody's own word.
    Events,
    /// What fires elsewhere. It is told, and opens no incident: that is what inlets are for.
    Alarms,
    /// Who asked for quiet elsewhere.
    Silences,
    /// Who leans on whom.
    Topology,
}

impl Brings {
    /// In the words of the trade.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Lines => "log lines",
            Self::Traces => "traces",
            Self::Changes => "changes",
            Self::States => "states",
            Self::Events => "events",
            Self::Alarms => "alarms",
            Self::Silences => "silences",
            Self::Topology => "topology",
        }
    }
}

/// One connector that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connector {
    /// Its key in `[connectors]`, and the name of its folder here.
    pub key: &'static str,
    /// The cargo feature that it comes with.
    pub feature: &'static str,
    /// Does this build have it?
    pub built: bool,
    /// Who is asked, as people call them.
    pub name: &'static str,
    /// From what it brings what it brings, as the end of that sentence.
    pub from: &'static str,
    /// What it brings.
    pub brings: &'static [Brings],
    /// Its page, by its path from the root of the repository.
    pub page: &'static str,
}

/// One line for each: `KEY NAME, page PAGE: BRINGS from FROM;`. The feature bears the name of the key, so that `cfg!`
/// looks for what the line says.
macro_rules! catalog {
    ($($key:tt $name:literal, page $page:literal: $($brings:ident),+ from $from:literal;)+) => {
        /// All that there are, in this build or not.
        pub static CATALOG: &[Connector] = &[$(Connector {
            key: $key,
            feature: $key,
            built: cfg!(feature = $key),
            name: $name,
            from: $from,
            brings: &[$(Brings::$brings),+],
            page: concat!("docs/connectors/", $page),
        }),+];
    };
}

catalog! {
    "payledger" "PayLedger", page "payledger.md": Changes, States, Topology
        from "the control plane of a PayLedger, the system of the demo";
    "prometheus" "Prometheus", page "prometheus.md": Metrics, Events, Alarms, Topology
        from "servers that speak the HTTP API of Prometheus: Prometheus, Mimir, Thanos, VictoriaMetrics";
    "loki" "Loki", page "loki.md": Lines
        from "servers of Loki";
    "alertmanager" "Alertmanager", page "alertmanager.md": Alarms, Silences
        from "servers of Alertmanager";
    "jaeger" "Jaeger", page "traces.md": Traces, Topology
        from "servers that speak the query API of Jaeger, version 3";
    "tempo" "Tempo", page "traces.md": Traces, Topology
        from "servers of Grafana Tempo";
    "kubernetes" "Kubernetes", page "kubernetes.md": Lines, Changes, States, Events, Topology
        from "the API servers of clusters";
    "github" "GitHub", page "changes.md": Changes
        from "repositories on GitHub or GitHub Enterprise: commits with their diffs, deployments, runs of workflows";
    "gitlab" "GitLab", page "changes.md": Changes
        from "projects on GitLab, wherever it runs: commits with their diffs, deployments, pipelines";
    "git" "git", page "changes.md": Changes
        from "repositories on this machine: commits with their diffs";
    "argocd" "Argo CD", page "changes.md": Changes, States, Events
        from "what Argo CD brought applications to, and how they stand";
    "statuspage" "status pages", page "statuspage.md": Events
        from "pages on which providers say how they are, as Statuspage serves them";
    "aws" "AWS", page "aws.md": Metrics, Lines, Traces, Changes, States, Events, Alarms, Topology
        from "accounts and regions of AWS, through its own SDK";
}

/// The line of this key.
pub fn line(key: &str) -> Option<&'static Connector> {
    CATALOG.iter().find(|line| line.key == key)
}

impl Connector {
    /// What it brings, as a list for people.
    pub fn brought(&self) -> String {
        let words: Vec<&str> = self.brings.iter().map(|brings| brings.word()).collect();
        words.join(", ")
    }

    /// That this build cannot ask, where it is configured.
    pub fn refusal(&self) -> String {
        format!(
            "this program was built without the connector to {}",
            self.name
        )
    }

    /// How to come by a build that can.
    pub fn remedy(&self) -> String {
        format!(
            "build it with `cargo build --release --features {}`, or take the full distribution",
            self.feature
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_line_has_its_folder_its_feature_and_its_page() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let features = std::fs::read_to_string(here.join("Cargo.toml")).unwrap();
        let features = features.split_once("\n[features]\n").unwrap().1;
        let mut keys = BTreeSet::new();
        for line in CATALOG {
            let key = line.key;
            assert!(keys.insert(key), "{key} has two lines");
            let folder = here.join("src").join(key);
            assert!(folder.is_dir(), "{} is not there", folder.display());
            let feature = format!("\n{} = [", line.feature);
            assert!(features.contains(&feature), "{key}: no such feature");
            let page = here.join("../..").join(line.page);
            assert!(page.is_file(), "{} is not there", page.display());
        }
    }

    #[test]
    fn what_is_brought_is_told_once_and_in_one_order() {
        for line in CATALOG {
            let order = line.brings.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(order && !line.brings.is_empty(), "{}", line.key);
        }
        let words = line("kubernetes").map(Connector::brought);
        assert_eq!(
            words.as_deref(),
            Some("log lines, changes, states, events, topology")
        );
        assert_eq!(line("cubernetes"), None);
    }
}
