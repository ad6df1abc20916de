//! What the runs came to, as a table for people.

use std::fs;

use anyhow::Context as _;
use serde_json::Value;

use crate::house::root;
use crate::marks;

/// Writes the table of `docs/shop.md` from `docs/bench/shop.json`.
pub fn write() -> anyhow::Result<()> {
    let file = root().join("docs/bench/shop.json");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let kept: Value = serde_json::from_str(&text)?;
    marks::write(&root().join("docs/shop.md"), "shop", &table(&kept))?;
    println!("wrote the table of docs/shop.md");
    Ok(())
}

fn table(kept: &Value) -> String {
    let mut text = String::from(
        "| fault | answer | Midwatch said | pages of Prometheus | tickets of Prometheus | page to report |\n|---|---|---|---|---|---|\n",
    );
    let mut counts = [0_usize; 5];
    let mut runs = 0;
    for run in kept["runs"].as_array().into_iter().flatten() {
        runs += 1;
        let answer = run["answer"].as_str().unwrap_or_default();
        let place = ["first", "category", "among three", "unknown", "wrong"];
        if let Some(count) = place
            .iter()
            .position(|word| *word == answer)
            .and_then(|place| counts.get_mut(place))
        {
            *count += 1;
        }
        let said = match run["said"].as_array() {
            Some(said) if !said.is_empty() => said
                .iter()
                .filter_map(Value::as_str)
                .take(3)
                .collect::<Vec<_>>()
                .join("; "),
            _ => "nothing".to_string(),
        };
        let others: Vec<&str> = run["other_incidents"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|other| other["answer"].as_str())
            .collect();
        let said = match others.as_slice() {
            [] => said,
            others => format!("{said} (further incidents: {})", others.join(", ")),
        };
        let alerts = |of: &str| {
            let list = run[of].as_array().into_iter().flatten();
            let list: Vec<&str> = list.filter_map(Value::as_str).collect();
            match list.is_empty() {
                true => "none".to_string(),
                false => list.join(", "),
            }
        };
        let took = run["page_to_report_s"]
            .as_f64()
            .map_or("".to_string(), |seconds| format!("{seconds:.0} s"));
        text.push_str(&format!(
            "| {} | {answer} | {said} | {} | {} | {took} |\n",
            run["fault"].as_str().unwrap_or_default(),
            alerts("pages"),
            alerts("tickets"),
        ));
    }
    let [first, category, three, unknown, wrong] = counts;
    text.push_str(&format!(
        "\n{runs} runs: {first} first, {category} the cause in another category, {three} among three, {unknown} unknown, {wrong} wrong, {} not judged.\n",
        runs - counts.iter().sum::<usize>(),
    ));
    for calm in kept["calm"].as_array().into_iter().flatten() {
        text.push_str(&format!("- {}\n", calm_words(calm)));
    }
    text
}

/// What was said while nothing was wrong, in one sentence.
pub fn calm_words(calm: &Value) -> String {
    format!(
        "{} minutes of health at {}, the longest stretch {}: {} incidents, {} causes named.",
        calm["minutes"],
        calm["commit"]
            .as_str()
            .unwrap_or("a commit that is not known"),
        calm["longest"],
        calm["incidents"],
        calm["named"]
    )
}

#[cfg(test)]
mod tests {
    use super::table;
    use serde_json::json;

    #[test]
    fn each_run_is_a_row_and_answers_are_counted() {
        let kept = json!({
            "runs": [
                {"fault": "dns", "answer": "first", "said": ["service/dnsmasq dns.x (dependency issue)"],
                 "pages": ["FrontDoorClosed(nginx)"], "tickets": [], "page_to_report_s": 4.2},
                {"fault": "clock", "answer": "unknown", "said": [], "pages": [], "tickets": [],
                 "other_incidents": [{"answer": "first", "said": []}]},
            ],
            "calm": [{"at": "2026-01-01T00:00:00Z", "commit": "abc", "minutes": 60.0, "longest": 50.5,
                      "incidents": 1, "named": 0}],
        });
        let text = table(&kept);
        assert!(
            text.contains("| dns | first | service/dnsmasq dns.x (dependency issue) | FrontDoorClosed(nginx) | none | 4 s |"),
            "{text}"
        );
        assert!(
            text.contains(
                "| clock | unknown | nothing (further incidents: first) | none | none |  |"
            ),
            "{text}"
        );
        assert!(
            text.contains("- 60.0 minutes of health at abc, the longest stretch 50.5: 1 incidents, 0 causes named."),
            "{text}"
        );
        assert!(
            text.contains("2 runs: 1 first, 0 the cause in another category, 0 among three, 1 unknown, 0 wrong, 0 not judged."),
            "{text}"
        );
    }
}
