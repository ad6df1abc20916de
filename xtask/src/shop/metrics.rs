//! What the shop's Prometheus says.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// A body by GET, with these fields in the address; an error if it is not answered with success.
pub fn get(url: &str, fields: &[(&str, &str)]) -> anyhow::Result<Vec<u8>> {
    let mut command = Command::new("curl");
    command.args(["-sS", "--fail", "--max-time", "20", "--get"]);
    for (name, value) in fields {
        command.args(["--data-urlencode", &format!("{name}={value}")]);
    }
    let output = command
        .arg(url)
        .output()
        .context("curl cannot be started")?;
    ensure!(
        output.status.success(),
        "{url}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(output.stdout)
}

/// The same, read as JSON.
pub fn json(url: &str, fields: &[(&str, &str)]) -> anyhow::Result<Value> {
    let body = get(url, fields)?;
    serde_json::from_slice(&body).with_context(|| format!("{url} answered no JSON"))
}

/// The series that a question gives now.
pub fn ask(prometheus: &str, question: &str) -> anyhow::Result<Vec<Value>> {
    let url = format!("{prometheus}/api/v1/query");
    let answer = json(&url, &[("query", question)]).with_context(|| question.to_string())?;
    Ok(answer["data"]["result"]
        .as_array()
        .cloned()
        .unwrap_or_default())
}

/// Alerts that fired within the last seconds: name, about whom, and how grave.
pub fn fired(prometheus: &str, seconds: u64) -> anyhow::Result<BTreeSet<(String, String, String)>> {
    let question = format!(
        "count_over_time(ALERTS{{alertstate=\"firing\"}}[{}s])",
        seconds.max(1)
    );
    let found = ask(prometheus, &question)?;
    Ok(found
        .iter()
        .map(|one| {
            let label = |name: &str| one["metric"][name].as_str().unwrap_or_default().to_string();
            let about = ["service", "job", "instance"].map(label);
            let about = about.into_iter().find(|name| !name.is_empty());
            (
                label("alertname"),
                about.unwrap_or_default(),
                label("severity"),
            )
        })
        .collect())
}

/// Is the shop well: no page open, and customers are served?
pub fn well(prometheus: &str) -> bool {
    let none = |question: &str| ask(prometheus, question).is_ok_and(|found| found.is_empty());
    none("ALERTS{severity=\"page\"}")
        && none("up == 0")
        && !none("probe_success{module=\"http\"} == 1")
        && !none("sum(rate(checkouts_total{result=\"ok\"}[20s])) > 0.3")
}
