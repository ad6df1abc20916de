//! Where the expected entity stands in an order, and the table of it for people.

use std::fs;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::house::root;
use crate::marks;

/// So many seconds before the first page what is normal is taken to end: by the name under which it is kept. The first is
/// what the tables show; the others say how much hangs on it.
pub const MOMENTS: [(&str, f64); 3] = [("60", 60.0), ("30", 30.0), ("120", 120.0)];
/// Whoever says within so many seconds when it was broken is right: a rate over 20 s moves by then, and the grid is one of 5.
const NEAR: f64 = 30.0;

/// Where the first of the expected entities stands.
#[derive(Debug, PartialEq)]
pub struct Place {
    /// The place to be expected if those that are tied are put in an order by chance.
    pub rank: f64,
    /// How many are placed as high or higher, itself among them.
    pub as_high: usize,
}

impl Place {
    /// The place in a ranking of entities with their scores; nobody's place if none of them is expected.
    pub fn of(ranking: &[(String, f64)], expected: impl Fn(&str) -> bool) -> Option<Self> {
        let ours = ranking.iter().filter(|(entity, _)| expected(entity));
        let best = ours.map(|(_, score)| *score).reduce(f64::max)?;
        let higher = ranking.iter().filter(|(_, score)| *score > best).count();
        let tied: Vec<&str> = ranking
            .iter()
            .filter(|(_, score)| *score == best)
            .map(|(entity, _)| entity.as_str())
            .collect();
        let right = tied.iter().filter(|entity| expected(entity)).count();
        // Of n in an order of chance, k of which are right, the first right one is to be expected at (n + 1) / (k + 1).
        let among = (tied.len() + 1) as f64 / (right + 1) as f64;
        Some(Self {
            rank: higher as f64 + among,
            as_high: higher + tied.len(),
        })
    }

    pub fn json(&self) -> Value {
        json!({"rank": self.rank, "as_high": self.as_high})
    }
}

/// Writes the table of `docs/shop.md` from `docs/bench/shop-peers.json`.
pub fn write() -> anyhow::Result<()> {
    let file = root().join("docs/bench/shop-peers.json");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let all: Value = serde_json::from_str(&text)?;
    marks::write(&root().join("docs/shop.md"), "peers", &table(&all))?;
    println!("wrote the table of peers of docs/shop.md");
    Ok(())
}

/// A place in words: `2`, `2.5` where some are tied, `not placed`.
pub fn cell(place: &Value) -> String {
    match place["rank"].as_f64() {
        None => "not placed".to_string(),
        Some(rank) if rank.fract() == 0.0 => format!("{rank:.0}"),
        Some(rank) => format!("{rank:.1}"),
    }
}

/// Who is in the table: a name for the head, and where in a run stands what it said.
struct Column {
    head: String,
    version: String,
    at: At,
}

enum At {
    Midwatch,
    Pages,
    Peer(String),
}

impl Column {
    /// What it said of a run if the trouble is taken to begin so many seconds before the page.
    fn said<'a>(&self, run: &'a Value, moment: &str) -> &'a Value {
        match &self.at {
            At::Midwatch => &run["midwatch"],
            At::Pages => &run["pages"],
            At::Peer(name) => &run["peers"][name]["from"][moment],
        }
    }
}

fn table(all: &Value) -> String {
    let mut columns = vec![
        Column {
            head: "Midwatch".to_string(),
            version: "Midwatch".to_string(),
            at: At::Midwatch,
        },
        Column {
            head: "pages".to_string(),
            version: "pages of Prometheus".to_string(),
            at: At::Pages,
        },
    ];
    for peer in list(&all["about"]["peers"]) {
        let word = |key: &str| peer[key].as_str().unwrap_or_default().to_string();
        columns.push(Column {
            head: word("name"),
            version: format!("{} ({})", word("name"), word("version")),
            at: At::Peer(word("name")),
        });
    }
    let sets = list(&all["sets"]).map(|set| of_set(set, &columns));
    sets.collect::<Vec<_>>().join("\n")
}

/// The runs that were kept in one folder, and how often each was right.
fn of_set(set: &Value, columns: &[Column]) -> String {
    let runs: Vec<&Value> = list(&set["runs"]).collect();
    let pages = || runs.iter().filter_map(|run| run["first_page"].as_str());
    let minute = |page: Option<&str>| {
        page.and_then(|page| page.get(..16))
            .unwrap_or("")
            .replace('T', " ")
    };
    let missing: Vec<&str> = list(&set["not_kept"]).filter_map(Value::as_str).collect();
    let missing = match missing.is_empty() {
        true => String::new(),
        false => format!(" Nothing was kept of {}.", missing.join(", ")),
    };
    let mut text = format!(
        "{} runs, the first pages of which came from {} to {} UTC.{missing}\n\n| fault | series of whom is expected |",
        runs.len(),
        minute(pages().min()),
        minute(pages().max()),
    );
    for column in columns {
        text.push_str(&format!(" {} |", column.head));
        if matches!(column.at, At::Pages) {
            text.push_str(" tickets |");
        }
    }
    text.push_str(&format!("\n{}\n", "|---".repeat(3 + columns.len()) + "|"));
    for run in &runs {
        text.push_str(&format!(
            "| {} | {} |",
            run["fault"].as_str().unwrap_or_default(),
            whose(run)
        ));
        for column in columns {
            let said = column.said(run, MOMENTS[0].0);
            let place = cell(&said["place"]);
            match column.at {
                At::Midwatch => {
                    let answer = run["midwatch"]["answer"].as_str().unwrap_or_default();
                    text.push_str(&format!(" {place} ({answer}) |"));
                }
                At::Pages => text.push_str(&format!(" {place} | {} |", tickets(run))),
                // Who could not say anything of any series is not who found nothing in them.
                At::Peer(_) if said["series_unanswered"].as_u64() == run["series"].as_u64() => {
                    text.push_str(" no answer |");
                }
                At::Peer(_) => text.push_str(&format!(" {place} |")),
            }
        }
        text.push('\n');
    }
    text.push_str(&totals(&runs, columns));
    text
}

/// How often each was right, over these runs.
fn totals(runs: &[&Value], columns: &[Column]) -> String {
    let struck = runs
        .iter()
        .any(|run| run["struck_s_before_page"].is_number());
    let mut text = format!(
        "\n| of {} | first | among three | not placed | entities placed | series flagged | turned before the page |{} seconds | first and among three, from {} s and {} s before |\n{}\n",
        runs.len(),
        match struck {
            true => format!(" within {NEAR} s of the break |"),
            false => String::new(),
        },
        MOMENTS[1].0,
        MOMENTS[2].0,
        "|---".repeat(9 + usize::from(struck)) + "|"
    );
    for column in columns {
        let of = |moment: &str| -> Vec<&Value> {
            runs.iter().map(|run| column.said(run, moment)).collect()
        };
        let said = of(MOMENTS[0].0);
        let (first, three, none) = counts(&said);
        let whole = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.0}"));
        let (flagged, seconds, others) = match &column.at {
            At::Peer(name) => {
                let flagged = whole(median(said.iter().map(|one| &one["series_flagged"])));
                let seconds = median(runs.iter().map(|run| &run["peers"][name]["seconds"]));
                let others = MOMENTS[1..].iter().map(|(moment, _)| {
                    let (first, three, _) = counts(&of(moment));
                    format!("{first} and {three}")
                });
                let seconds = seconds.map_or(String::new(), |seconds| format!("{seconds:.1}"));
                let all = "it orders all".to_string();
                (
                    if flagged.is_empty() { all } else { flagged },
                    seconds,
                    others.collect::<Vec<_>>().join("; "),
                )
            }
            _ => Default::default(),
        };
        let near = match struck {
            true => format!(" {} |", near(runs, &said)),
            false => String::new(),
        };
        text.push_str(&format!(
            "| {} | {first} | {three} | {none} | {} | {flagged} | {} |{near} {seconds} | {others} |\n",
            column.version,
            whole(median(said.iter().map(|one| &one["placed"]))),
            turned(&said),
        ));
    }
    text
}

/// Who is expected and has series, and how many of all.
fn whose(run: &Value) -> String {
    let with: Vec<&str> = list(&run["expected_with_series"])
        .filter_map(Value::as_str)
        .map(bare)
        .collect();
    match with.is_empty() {
        true => format!("none of {}", run["series"]),
        false => format!(
            "{}: {} of {}",
            with.join(", "),
            run["series_of_expected"],
            run["series"]
        ),
    }
}

/// Whether a ticket is about whom is expected.
fn tickets(run: &Value) -> &'static str {
    match (run["tickets"].as_array(), run["tickets_name_it"].as_bool()) {
        (Some(list), _) if list.is_empty() => "none",
        (_, Some(true)) => "name it",
        (_, Some(false)) => "name others",
        _ => "not kept",
    }
}

/// Seconds before the first page at which it is said to have turned: the median, and of how many runs.
fn turned(said: &[&Value]) -> String {
    let told = || said.iter().map(|one| &one["turned_s_before_page"]);
    match median(told()) {
        Some(seconds) => format!(
            "{seconds:.0} s (of {})",
            told().filter(|one| one.is_number()).count()
        ),
        None => String::new(),
    }
}

/// How often that is near to when it was broken, of the runs that kept this.
fn near(runs: &[&Value], said: &[&Value]) -> String {
    let known: Vec<Option<f64>> = runs
        .iter()
        .zip(said)
        .filter_map(|(run, said)| {
            let struck = run["struck_s_before_page"].as_f64()?;
            let turned = said["turned_s_before_page"].as_f64();
            Some(turned.map(|turned| (turned - struck).abs()))
        })
        .collect();
    let right = known
        .iter()
        .flatten()
        .filter(|apart| **apart <= NEAR)
        .count();
    format!("{right} of {}", known.len())
}

/// A name without its kind.
fn bare(entity: &str) -> &str {
    entity.rsplit('/').next().unwrap_or(entity)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// How many are first, among the first three, and not placed. What is tied counts where it is to be expected.
fn counts(said: &[&Value]) -> (usize, usize, usize) {
    let ranks: Vec<Option<f64>> = said
        .iter()
        .map(|one| one["place"]["rank"].as_f64())
        .collect();
    let within = |limit: f64| {
        let placed = ranks.iter().flatten();
        placed.filter(|rank| **rank <= limit).count()
    };
    let none = ranks.iter().filter(|rank| rank.is_none()).count();
    (within(1.0), within(3.0), none)
}

/// The middle one; of two in the middle, the mean.
fn median<'a>(values: impl Iterator<Item = &'a Value>) -> Option<f64> {
    let mut values: Vec<f64> = values.filter_map(Value::as_f64).collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some((values.get(low)? + values.get(high)?) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::{Place, table};
    use serde_json::{Value, json};

    fn place(ranking: &[(&str, f64)], expected: &[&str]) -> Option<Place> {
        let ranking: Vec<(String, f64)> = ranking
            .iter()
            .map(|(entity, score)| (entity.to_string(), *score))
            .collect();
        Place::of(&ranking, |entity| expected.contains(&entity))
    }

    #[test]
    fn a_place_is_what_chance_makes_of_ties() {
        let ranking = [("a", 3.0), ("b", 2.0), ("c", 2.0), ("d", 2.0), ("e", 1.0)];
        let found = |rank, as_high| Some(Place { rank, as_high });
        assert_eq!(place(&ranking, &["a"]), found(1.0, 1));
        assert_eq!(place(&ranking, &["c"]), found(3.0, 4));
        assert_eq!(place(&ranking, &["e"]), found(5.0, 5));
        // Either of the two will do.
        let either = place(&ranking, &["b", "d"]).expect("both are placed");
        assert!((either.rank - (1.0 + 4.0 / 3.0)).abs() < 1e-9, "{either:?}");
        assert_eq!(place(&ranking, &["f"]), None);
        assert_eq!(place(&[], &["a"]), None);
    }

    /// Two runs, and what two peers said of them; of the first it is known when it was broken, if `struck`.
    fn kept(struck: Option<f64>) -> String {
        let said = |rank: Value, flagged: Value, turned: Value| {
            let place = if rank.is_null() {
                rank
            } else {
                json!({"rank": rank})
            };
            json!({"place": place, "placed": 12, "series_flagged": flagged, "turned_s_before_page": turned})
        };
        let none = || said(Value::Null, Value::Null, Value::Null);
        table(&json!({
            "about": {"peers": [
                {"name": "Some", "version": "some 1.2"},
                {"name": "Other", "version": "other 0.1"},
            ]},
            "sets": [{"not_kept": ["clock", "dns"], "runs": [
                {"fault": "eviction", "expected_with_series": ["service/redis"], "series_of_expected": 150, "series": 900,
                 "first_page": "2026-01-01T10:07:09Z", "struck_s_before_page": struck,
                 "pages": said(Value::Null, Value::Null, Value::Null),
                 "tickets": ["RedisEvicts(redis)"], "tickets_name_it": true,
                 "midwatch": {"answer": "category", "place": {"rank": 1.0}, "placed": 8, "turned_s_before_page": 31.0},
                 "peers": {
                    "Some": {"seconds": 1.26, "from": {
                        "30": said(Value::Null, json!(3), Value::Null),
                        "60": said(json!(2.5), json!(40), json!(95.0)),
                        "120": said(json!(1.0), json!(90), json!(20.0)),
                    }},
                    "Other": {"seconds": 0.1, "from": {"60": none()}},
                 }},
                {"fault": "upstream-timeout", "expected_with_series": [], "series_of_expected": 0, "series": 800,
                 "first_page": "2026-01-01T09:59:59Z",
                 "pages": said(json!(1.0), Value::Null, Value::Null), "tickets": null, "tickets_name_it": null,
                 "midwatch": {"answer": "wrong", "place": null, "placed": 8},
                 "peers": {
                    "Some": {"seconds": 2.0, "from": {"60": said(Value::Null, json!(20), Value::Null)}},
                    "Other": {"seconds": 0.1, "from": {"60": {"place": null, "placed": 12, "series_unanswered": 800}}},
                 }},
            ]}],
        }))
    }

    #[test]
    fn each_run_is_a_row_and_places_are_counted() {
        let text = kept(None);
        assert_eq!(
            text,
            "2 runs, the first pages of which came from 2026-01-01 09:59 to 2026-01-01 10:07 UTC. Nothing was kept of clock, dns.\n\
             \n\
             | fault | series of whom is expected | Midwatch | pages | tickets | Some | Other |\n\
             |---|---|---|---|---|---|---|\n\
             | eviction | redis: 150 of 900 | 1 (category) | not placed | name it | 2.5 | not placed |\n\
             | upstream-timeout | none of 800 | not placed (wrong) | 1 | not kept | not placed | no answer |\n\
             \n\
             | of 2 | first | among three | not placed | entities placed | series flagged | turned before the page | seconds | first and among three, from 30 s and 120 s before |\n\
             |---|---|---|---|---|---|---|---|---|\n\
             | Midwatch | 1 | 1 | 1 | 8 |  | 31 s (of 1) |  |  |\n\
             | pages of Prometheus | 1 | 1 | 1 | 12 |  |  |  |  |\n\
             | Some (some 1.2) | 0 | 1 | 1 | 12 | 30 | 95 s (of 1) | 1.6 | 0 and 0; 1 and 1 |\n\
             | Other (other 0.1) | 0 | 0 | 2 | 12 | it orders all |  | 0.1 | 0 and 0; 0 and 0 |\n"
        );
    }

    #[test]
    fn who_says_when_is_judged_where_the_break_is_known() {
        let text = kept(Some(40.0));
        for line in [
            "| turned before the page | within 30 s of the break | seconds |",
            "| Midwatch | 1 | 1 | 1 | 8 |  | 31 s (of 1) | 1 of 1 |  |  |",
            "| Some (some 1.2) | 0 | 1 | 1 | 12 | 30 | 95 s (of 1) | 0 of 1 | 1.6 |",
            "| Other (other 0.1) | 0 | 0 | 2 | 12 | it orders all |  | 0 of 1 | 0.1 |",
        ] {
            assert!(text.contains(line), "{line}\n\n{text}");
        }
    }
}
