//! Which crate may lean on which. ARCHITECTURE.md draws it; this list is what holds.

use crate::house::Room;

/// A crate, and the crates of the workspace that it may lean on.
const MAY: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("analysis", &["model"]),
    ("investigate", &["model", "analysis"]),
    ("connectors", &["model"]),
    ("store", &["model"]),
    ("act", &["model"]),
    ("learn", &["model", "analysis"]),
    (
        "watch",
        &["model", "analysis", "investigate", "act", "learn"],
    ),
    ("server", &["model", "watch"]),
    ("payledger", &[]),
    (
        "midwatch",
        &[
            "model",
            "analysis",
            "investigate",
            "act",
            "learn",
            "watch",
            "server",
            "connectors",
            "store",
            "payledger",
        ],
    ),
    ("xtask", &[]),
];

/// Arrows that only tests, examples and benches may take, each with its reason.
const MAY_IN_TESTS: &[(&str, &str, &str)] = &[
    (
        "investigate",
        "connectors",
        "the engine is tried on recorded incidents, which a connector reads",
    ),
    (
        "server",
        "connectors",
        "pushed telemetry is tried from real senders on, and a connector reads it",
    ),
    (
        "server",
        "store",
        "pushed telemetry is tried from real senders on, and the window keeps it",
    ),
    (
        "watch",
        "store",
        "the power is cut over the journal as it lies on a disk",
    ),
];

/// Floors that compute and do not reach out: what none of their dependencies may be able to do.
const PURE: &[&str] = &["model", "analysis", "investigate", "act", "learn", "watch"];

/// Crates that open files or sockets, run programs, or roll dice.
const REACHES_OUT: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "mio",
    "socket2",
    "reqwest",
    "ureq",
    "hyper",
    "axum",
    "tonic",
    "rustls",
    "sqlx",
    "rusqlite",
    "tempfile",
    "walkdir",
    "memmap2",
    "nix",
    "libc",
    "rand",
    "getrandom",
    "fastrand",
    "uuid",
];

/// Every arrow that runs up or sideways, and every crate without a place.
pub fn faults(rooms: &[Room]) -> Vec<String> {
    let mut faults = Vec::new();
    for room in rooms {
        let Some((_, may)) = MAY.iter().find(|(name, _)| *name == room.name) else {
            faults.push(format!(
                "{}: has no place in the house; name it in xtask/src/rooms.rs and draw it in ARCHITECTURE.md",
                room.name
            ));
            continue;
        };
        for lean in &room.leans {
            let on = lean.on.as_str();
            let tried = MAY_IN_TESTS
                .iter()
                .any(|(from, to, _)| *from == room.name && *to == on);
            if lean.ours && !may.contains(&on) && !(lean.dev && tried) {
                faults.push(format!(
                    "{} -> {on}: an arrow that runs up or sideways; {} may lean on {}",
                    room.name,
                    room.name,
                    listed(may)
                ));
            }
            let pure = PURE.contains(&room.name.as_str());
            if pure && !lean.dev && REACHES_OUT.contains(&on) {
                faults.push(format!(
                    "{} -> {on}: this floor computes and does not reach out; what must be read comes through model::ports",
                    room.name
                ));
            }
        }
    }
    faults
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        "nothing of ours".to_string()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::faults;
    use crate::house::{Lean, Room};

    /// `from -> to`, `from ~> to` for tests only, `from => crate` for a crate of others.
    fn house(arrows: &str) -> Vec<String> {
        let rooms: Vec<Room> = arrows
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let (from, arrow, to) = (words.next()?, words.next()?, words.next()?);
                let lean = Lean {
                    on: to.to_string(),
                    ours: arrow != "=>",
                    dev: arrow == "~>",
                };
                Some(Room {
                    name: from.to_string(),
                    leans: vec![lean],
                })
            })
            .collect();
        faults(&rooms)
    }

    #[test]
    fn arrows_that_go_down_are_fine() {
        let arrows = "analysis -> model\ninvestigate -> analysis\nmidwatch -> store\ninvestigate ~> connectors\ninvestigate => regex";
        assert_eq!(house(arrows), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_up_or_sideways_is_named() {
        for arrow in [
            "model -> analysis",
            "analysis -> investigate",
            "investigate -> connectors",
            "connectors -> store",
            "store -> investigate",
            "investigate -> midwatch",
            "model ~> connectors",
        ] {
            let faults = house(arrow);
            assert_eq!(faults.len(), 1, "{arrow}: {faults:?}");
            assert!(
                faults[0].starts_with(&arrow.replace("~>", "->")),
                "{faults:?}"
            );
        }
    }

    #[test]
    fn a_room_without_a_place_and_a_window_are_named() {
        assert!(house("helpers -> model")[0].contains("no place"));
        assert!(house("investigate => reqwest")[0].contains("does not reach out"));
    }
}
