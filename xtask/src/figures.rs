//! The README's figures: a table between two marks, written by machine only.

use std::path::Path;

use serde_json::Value;

use crate::marks;

/// Writes the figures between their marks, and nothing else.
pub fn write(readme: &Path, measured: &Value) -> anyhow::Result<()> {
    marks::write(readme, "figures", &table(measured))
}

/// One line of the table: what, what was wanted, what came out.
type Row = (&'static str, &'static str, String);

fn table(measured: &Value) -> String {
    let mut text = "| measure | goal | measured |\n|---|---|---|\n".to_string();
    for (measure, goal, came_out) in rows(measured) {
        text.push_str(&format!("| {measure} | {goal} | {came_out} |\n"));
    }
    let machine = &measured["machine"];
    text.push_str(&format!(
        "\nMeasured at commit {} in profile `{}` on {} cores ({}; load {} when it began).\n",
        measured["commit"].as_str().unwrap_or("unknown"),
        measured["profile"].as_str().unwrap_or("unknown"),
        machine["cores"],
        machine["cpu"].as_str().unwrap_or("unknown"),
        machine["load_at_begin"],
    ));
    text
}

fn rows(all: &Value) -> Vec<Row> {
    let suites = &all["suites"];
    let share = |value: &Value| {
        value
            .as_f64()
            .map_or("not measured".to_string(), |v| format!("{v:.2}"))
    };
    let (petshop, nezha) = (&suites["petshop"]["systems"], &suites["nezha"]["macro"]);
    let (rcb, sre) = (
        &suites["rootcausebench"]["systems"],
        &suites["opensre"]["systems"],
    );
    let mut rows: Vec<Row> = vec![
        (
            "PetShop, 26 cases: top-1, latency / availability",
            "1.00 / 1.00",
            format!(
                "{} / {}",
                share(&petshop["latency"]["ac1"]),
                share(&petshop["availability"]["ac1"])
            ),
        ),
        (
            "PetShop: top-3, latency / availability",
            "",
            format!(
                "{} / {}",
                share(&petshop["latency"]["ac3"]),
                share(&petshop["availability"]["ac3"])
            ),
        ),
        (
            "TrainTicket (Nezha), 22 cases: AC@1 / AC@3",
            "0.80 / 0.90",
            format!("{} / {}", share(&nezha["ac1"]), share(&nezha["ac3"])),
        ),
        (
            "RootCauseBench, 12 cases: passed; decoys named",
            "9 (12 wished for); 0",
            format!(
                "{}; {}",
                hits(rcb),
                suites["rootcausebench"]["macro"]["decoy_hits"]
            ),
        ),
        (
            "OpenSRE, 15 cases: exact category; false convictions",
            "14; 0",
            format!(
                "{}; {}",
                hits(sre),
                suites["opensre"]["macro"]["false_convictions"]
            ),
        ),
        (
            "claims that follow from the recording (`verify`), worst suite",
            "1.00",
            share(&worst(
                suites,
                |suite| suite["macro"]["soundness"].as_f64(),
                f64::min,
            )),
        ),
        (
            "calibration (ECE), PetShop / TrainTicket / RootCauseBench / OpenSRE",
            "",
            ["petshop", "nezha", "rootcausebench", "opensre"]
                .map(|suite| share(&suites[suite]["macro"]["ece"]))
                .join(" / "),
        ),
        (
            "engine time per PetShop case, p95, reading not counted",
            "under 5 ms",
            worst(petshop, |system| system["ms_p95"].as_f64(), f64::max)
                .as_f64()
                .map_or("not measured".to_string(), |ms| format!("{ms:.1} ms")),
        ),
        (
            "TrainTicket case, files to checked answer, slowest",
            "under 1.5 s",
            suites["nezha"]["total_ms_max"]
                .as_f64()
                .map_or("not measured".to_string(), |ms| {
                    format!("{:.2} s", ms / 1e3)
                }),
        ),
    ];
    let sum = |of: &Value, key: &str| -> u64 {
        of.as_object()
            .into_iter()
            .flatten()
            .filter_map(|(_, suite)| suite[key].as_u64())
            .sum()
    };
    let of_cases = |of: &Value, key: &str| format!("{} of {}", sum(of, key), sum(of, "cases"));
    if all["disguise"].is_object() {
        rows.push((
            "entities renamed, times shifted: cases whose result differs",
            "2 of a suite",
            of_cases(&all["disguise"], "different"),
        ));
        rows.push((
            "innocent deploy 30 s before the onset: verdicts that change",
            "0",
            of_cases(&all["innocent_deploy"], "verdict_changed"),
        ));
        let kinds = all["drop"].as_object();
        let drops = |key: &str| -> u64 {
            kinds
                .into_iter()
                .flatten()
                .map(|(_, kind)| sum(kind, key))
                .sum()
        };
        rows.push((
            "each of six kinds of telemetry removed: new wrong verdicts at \"confirmed\"; gap named",
            "0; always",
            format!("{}; {} of {}", drops("new_wrong_confirmed"), drops("gap_named"), drops("cases")),
        ));
        for (suite, name) in [
            (
                "nezha",
                "two TrainTicket incidents spliced: exact cause set",
            ),
            (
                "rootcausebench",
                "two RootCauseBench incidents spliced: exact cause set",
            ),
        ] {
            let one = &all["splice"][suite];
            if let (Some(exact), Some(pairs)) = (one["exact"].as_f64(), one["pairs"].as_f64()) {
                rows.push((
                    name,
                    "0.85",
                    format!("{:.2} of {pairs} pairs", exact / pairs.max(1.0)),
                ));
            }
        }
    }
    let estates = all["estate"].as_array().map_or(&[][..], Vec::as_slice);
    if let [small, large] = estates {
        let seconds = |of: &Value| of["seconds"].as_f64().unwrap_or(f64::NAN);
        let peak = large["peak_kib"]
            .as_f64()
            .map_or("unknown".to_string(), |kib| {
                format!("{:.2} GB", kib * 1024.0 / 1e9)
            });
        rows.push((
            "estate of 10,000 entities, 50,000 edges, 12 M points, 1 M lines, 200 k spans: time; peak memory",
            "under 20 s; under 2 GB",
            format!("{:.1} s; {peak}", seconds(large)),
        ));
        rows.push((
            "the same, against a tenth of everything",
            "at most 12 x",
            format!("{:.1} x", seconds(large) / seconds(small)),
        ));
    }
    let long = all["long"].as_array().map_or(&[][..], Vec::as_slice);
    if let [small, large] = long {
        let peaks = |runs: &[&str]| {
            let peak = |of: &Value, run: &str| of["runs"][run]["peak_kib"].as_f64();
            let one = |of: &Value, run: &&str| {
                peak(of, run).map_or("unknown".to_string(), |kib| {
                    format!("{:.0} MB", kib * 1024.0 / 1e6)
                })
            };
            let all: Vec<String> = (runs.iter())
                .map(|run| format!("{} ({})", one(large, run), one(small, run)))
                .collect();
            all.join("; ")
        };
        rows.push((
            "recording of 2 GB, 10 M lines and 3 M spans (a tenth of them): memory to open it, as a folder; packed",
            "bounded",
            peaks(&["show_folder", "show_packed"]),
        ));
        rows.push((
            "the same: memory to investigate it, as a folder; packed",
            "bounded",
            peaks(&["investigate_folder", "investigate_packed"]),
        ));
    }
    if let (Some(own), Some(peer)) = (
        all["miner"]["midwatch"].as_f64(),
        all["miner"]["logdrain"].as_f64(),
    ) {
        rows.push((
            "log miner, one core, lines of 138 bytes (the crate `logdrain` in the same run)",
            "1 M/s",
            format!("{:.2} M/s ({:.2} M/s)", own / 1e6, peer / 1e6),
        ));
    }
    rows
}

/// Right answers over all systems.
fn hits(systems: &Value) -> String {
    let systems: Vec<&Value> = systems
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, one)| one)
        .collect();
    let hits: f64 = systems
        .iter()
        .filter_map(|one| Some(one["ac1"].as_f64()? * one["cases"].as_f64()?))
        .sum();
    let cases: u64 = systems.iter().filter_map(|one| one["cases"].as_u64()).sum();
    format!("{:.0} of {cases}", hits)
}

/// The worst of the values of an object's members.
fn worst(of: &Value, read: impl Fn(&Value) -> Option<f64>, worse: fn(f64, f64) -> f64) -> Value {
    let values = of
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, one)| read(one));
    values.reduce(worse).map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use super::rows;
    use serde_json::json;

    #[test]
    fn what_was_not_measured_is_said_or_left_out() {
        let rows = rows(&json!({"suites": {"petshop": {"systems": {"latency": {"ac1": 1.0}}}}}));
        assert_eq!(rows[0].2, "1.00 / not measured");
        assert!(rows.iter().all(|row| !row.0.contains("spliced")));
        assert!(rows.iter().all(|row| !row.0.contains("2 GB,")));
    }

    #[test]
    fn memory_for_two_sizes_stands_beside_each_other() {
        let ran = |kib: u64| json!({"runs": {"show_folder": {"peak_kib": kib}}});
        let rows = rows(&json!({"long": [ran(50_000), ran(60_000)]}));
        let row = rows.iter().find(|row| row.0.contains("2 GB,")).unwrap();
        assert_eq!(row.2, "61 MB (51 MB); unknown (unknown)");
    }
}
