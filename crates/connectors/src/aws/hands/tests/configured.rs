//! Handler, timeout and memory of a function, put back to what they were before a change, and set again as they were after it.

use serde_json::{Value, json};

use super::world::{PARAMETERS, State, well, written};
use super::*;

/// The change that is to be put back, which asked for `set`.
fn guilty(set: &Value) -> Value {
    let mut parameters = set.clone();
    parameters["functionName"] = json!("pay");
    let answer = json!({"lastModified": written(ago(5))});
    told("guilty", UPDATE, ago(5), parameters, answer)
}

/// An earlier change of something else, to which AWS answered how all of the function was then.
fn was(minutes: i64) -> Value {
    let asked = json!({"functionName": "pay", "description": "pays"});
    let answer = json!({
        "handler": "pay.handle", "timeout": 15, "memorySize": 512, "role": RUNS,
        "runtime": "python3.13", "lastModified": written(ago(minutes)),
    });
    told("old", UPDATE, ago(minutes), asked, answer)
}

/// That the function was made, with no word of what it was made with.
fn made(minutes: i64) -> Value {
    let asked = json!({"functionName": "pay"});
    told("made", CREATE, ago(minutes), asked, json!({}))
}

/// A function of which that was set, and then this.
fn broken(set: &Value, before: Vec<Value>, alter: impl FnOnce(&mut State)) -> World {
    World::new(|state| {
        for name in PARAMETERS {
            let small = name[..1].to_lowercase() + &name[1..];
            if let Some(value) = set.get(small) {
                state.rest[name] = value.clone();
            }
        }
        state.trail = before;
        state.trail.push(guilty(set));
        alter(state);
    })
}

fn said(seen: &Preview) -> [&str; 2] {
    [seen.before.as_str(), seen.after.as_str()]
}

#[test]
fn a_handler_a_timeout_and_memory_are_put_back_and_there_is_a_way_back() {
    type Back = &'static [(&'static str, Option<&'static str>)];
    type Case = (Value, [&'static str; 2], Back, Value);
    // What the change set, what is said, what leads back, and what is sent.
    let cases: [Case; 6] = [
        (
            json!({"handler": "pay.renamed"}),
            ["handler = pay.renamed", "handler = pay.handle"],
            &[("configuration.handler", Some("pay.renamed"))],
            json!({"Handler": "pay.handle"}),
        ),
        (
            json!({"timeout": 1}),
            ["timeout = 1 s", "timeout = 15 s"],
            &[("configuration.timeout", Some("1"))],
            json!({"Timeout": 15}),
        ),
        (
            json!({"memorySize": 128}),
            ["memory = 128 MB", "memory = 512 MB"],
            &[("configuration.memory_size", Some("128"))],
            json!({"MemorySize": 512}),
        ),
        (
            json!({"memorySize": 128, "timeout": 1}),
            [
                "timeout = 1 s, memory = 128 MB",
                "timeout = 15 s, memory = 512 MB",
            ],
            &[
                ("configuration.memory_size", Some("128")),
                ("configuration.timeout", Some("1")),
            ],
            json!({"Timeout": 15, "MemorySize": 512}),
        ),
        // A console sends all that is set, whatever was altered.
        (
            json!({"handler": "pay.handle", "timeout": 1, "memorySize": 512, "role": RUNS, "runtime": "python3.13"}),
            ["timeout = 1 s", "timeout = 15 s"],
            &[("configuration.timeout", Some("1"))],
            json!({"Timeout": 15}),
        ),
        (
            json!({"handler": "pay.renamed", "timeout": 1, "memorySize": 128}),
            [
                "handler = pay.renamed, timeout = 1 s, memory = 128 MB",
                "handler = pay.handle, timeout = 15 s, memory = 512 MB",
            ],
            &[
                ("configuration.handler", Some("pay.renamed")),
                ("configuration.memory_size", Some("128")),
                ("configuration.timeout", Some("1")),
            ],
            json!({"Handler": "pay.handle", "Timeout": 15, "MemorySize": 512}),
        ),
    ];
    for (set, wanted, back, mut sent) in cases {
        let world = broken(&set, vec![was(100)], |_| {});
        let seen = world.preview(&revert()).unwrap();
        assert_eq!(said(&seen), wanted, "{set}");
        assert_eq!(seen.undo, Some(settings(back)), "{set}");
        assert!(!seen.harmless, "{set}");
        assert!(world.writes().is_empty(), "a preview alters nothing");
        let after_the_change = world.state().rest.clone();

        assert!(world.perform("key-1", &revert()).is_done(), "{set}");
        assert_eq!(world.state().rest, well(), "{set}");
        // Asked again, it sees that it is so, although the function was altered since: by us.
        world.state().modified = ago(0);
        assert!(world.perform("key-1", &revert()).is_done(), "{set}");
        assert!(world.was_done("key-1", &revert()).is_done(), "{set}");
        let writes = world.writes();
        assert_eq!(writes.len(), 1, "{set}");
        // Nothing else is sent along, and all of it onto the revision that was read.
        sent["RevisionId"] = json!("7");
        assert_eq!(writes[0].body, sent, "{set}");

        let undo = settings(back);
        let seen = world.preview(&undo).unwrap();
        assert_eq!(said(&seen), [wanted[1], wanted[0]], "{set}");
        let again = seen.undo.expect("the way back has one too");
        assert!(world.perform("key-2", &undo).is_done(), "{set}");
        assert!(world.was_done("key-2", &undo).is_done(), "{set}");
        assert_eq!(world.state().rest, after_the_change, "{set}");
        assert!(world.perform("key-3", &again).is_done(), "{set}");
        assert_eq!(world.state().rest, well(), "{set}");
        assert_eq!(world.writes().len(), 3, "{set}");
    }
}

#[test]
fn they_are_put_back_together_with_variables_and_with_a_role() {
    let environment = json!({"functionName": "pay", "environment": {}});
    let answer = json!({"timeout": 15, "lastModified": written(ago(100))});
    let before = pairs(&[("LEDGER", TABLE), ("TOKEN", VALUE)]);
    let world = broken(
        &json!({"environment": {}, "timeout": 1}),
        vec![told("old", UPDATE, ago(100), environment, answer)],
        |state| {
            state.versions = vec![(ago(60), before.clone())];
            state.variables.remove("LEDGER");
        },
    );
    let seen = world.preview(&revert()).unwrap();
    assert_eq!(
        said(&seen),
        [
            "timeout = 1 s, LEDGER not set",
            "timeout = 15 s, LEDGER set"
        ]
    );
    let undo = settings(&[("LEDGER", None), ("configuration.timeout", Some("1"))]);
    assert_eq!(seen.undo, Some(undo.clone()));
    assert!(world.perform("key-1", &revert()).is_done());
    assert_eq!(world.state().variables, before);
    assert_eq!(world.state().rest, well());
    assert!(world.perform("key-2", &undo).is_done());
    assert!(!world.state().variables.contains_key("LEDGER"));
    assert_eq!(world.state().rest["Timeout"], 1);
    assert_eq!(world.writes().len(), 2);

    let world = broken(
        &json!({"role": READS, "timeout": 1}),
        vec![was(100)],
        |state| state.role = READS.to_string(),
    );
    let seen = world.preview(&revert()).unwrap();
    assert_eq!(
        said(&seen),
        [
            "role = pay-reads, timeout = 1 s",
            "role = pay-runs, timeout = 15 s"
        ]
    );
    assert_eq!(seen.undo, None, "no one action sets both");
    assert!(world.perform("key-1", &revert()).is_done());
    assert_eq!(world.state().role, RUNS);
    assert_eq!(world.state().rest, well());
    assert_eq!(world.writes().len(), 1);
}

#[test]
fn what_the_trail_does_not_tell_a_published_version_does() {
    let set = json!({"timeout": 1});
    for before in [vec![], vec![made(100)]] {
        let world = broken(&set, before, |state| {
            state.versions = vec![(ago(60), state.variables.clone())];
        });
        let seen = world.preview(&revert()).unwrap();
        assert_eq!(said(&seen), ["timeout = 1 s", "timeout = 15 s"]);
        assert!(world.perform("key", &revert()).is_done());
        assert_eq!(world.state().rest, well());
    }
    // As an emulator writes it: with capitals, without dates, and without answers.
    let world = World::new(|state| {
        state.rest["Handler"] = json!("pay.renamed");
        let names = ["UpdateFunctionConfiguration", "CreateFunction"];
        let set = [
            json!({"FunctionName": "pay", "Handler": "pay.renamed"}),
            json!({"FunctionName": "pay", "Handler": "pay.handle", "Timeout": 15}),
        ];
        let [set, with] = set;
        state.trail = vec![
            told("guilty", names[0], ago(5), set, Value::Null),
            told("made", names[1], ago(50), with, Value::Null),
        ];
    });
    let seen = world.preview(&revert()).unwrap();
    assert_eq!(
        said(&seen),
        ["handler = pay.renamed", "handler = pay.handle"]
    );
}

#[test]
fn what_is_not_told_or_was_altered_since_is_not_put_back() {
    let untold = |name: &str| {
        format!(
            "neither the audit trail nor a published version tells which {name} the function had before that change: \
             set it by hand"
        )
    };
    let of = |what: &str| {
        format!(
            "{UPDATE} of {what} is none of the changes that these hands can put back: how many copies of a function may \
             run, its variables, its role, its handler, its timeout, its memory"
        )
    };
    let words = |text: &str| text.to_string();
    let timeout = || json!({"timeout": 1});
    let half = json!({"functionName": "pay", "timeout": 15});
    let half = told("half", UPDATE, ago(100), half, Value::Null);
    let twin = json!({"functionName": "pay", "timeout": 7});
    let twin = told("twin", UPDATE, ago(5), twin, Value::Null);
    let nothing = || json!({});
    // What the change set, what is told of before it, when a version was published and when the function was altered last, in
    // minutes before now, and how it is otherwise than the change set it.
    type Case = (Value, Vec<Value>, Option<i64>, i64, Value, String);
    let cases: [Case; 15] = [
        (timeout(), vec![], None, 5, nothing(), untold("Timeout")),
        (
            json!({"handler": "pay.renamed"}),
            vec![],
            None,
            5,
            nothing(),
            untold("Handler"),
        ),
        (
            json!({"timeout": 1, "memorySize": 128}),
            vec![half],
            None,
            5,
            nothing(),
            untold("MemorySize"),
        ),
        // Another function had that name before it.
        (
            timeout(),
            vec![made(50), was(100)],
            None,
            5,
            nothing(),
            untold("Timeout"),
        ),
        // Published by that other one, and published with the change.
        (
            timeout(),
            vec![made(50)],
            Some(60),
            5,
            nothing(),
            untold("Timeout"),
        ),
        (
            timeout(),
            vec![made(50)],
            Some(4),
            5,
            nothing(),
            untold("Timeout"),
        ),
        (
            timeout(),
            vec![was(100)],
            None,
            2,
            nothing(),
            words("the function was altered again at"),
        ),
        (
            timeout(),
            vec![was(100)],
            None,
            5,
            json!({"Timeout": 9}),
            words("the function's Timeout was altered again since that change"),
        ),
        (
            timeout(),
            vec![was(100)],
            None,
            5,
            json!({"Timeout": 15}),
            words("it is so already: timeout = 15 s"),
        ),
        (
            json!({"timeout": 1, "layers": ["l"]}),
            vec![was(100)],
            None,
            5,
            nothing(),
            words("that change also set layers, which these hands do not put back"),
        ),
        (
            json!({"handler": "pay.renamed", "vpcConfig": {"subnetIds": ["s"]}, "runtime": "python3.14"}),
            vec![was(100)],
            None,
            5,
            nothing(),
            words("that change also set runtime, vpcConfig, which these hands do not put back"),
        ),
        (
            json!({"runtime": "python3.14"}),
            vec![was(100)],
            None,
            5,
            nothing(),
            of("runtime"),
        ),
        (
            json!({"timeout": 15, "role": RUNS}),
            vec![was(100)],
            None,
            5,
            nothing(),
            words("what that change set was so before it: there is nothing to put back"),
        ),
        (
            timeout(),
            vec![twin, was(100)],
            None,
            5,
            nothing(),
            words("twice within that second"),
        ),
        (
            json!({"timeout": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
            vec![was(100)],
            None,
            5,
            json!({"Timeout": 1}),
            words("the audit trail does not tell which Timeout that change set"),
        ),
    ];
    for (set, before, published, since, now, why) in cases {
        let world = broken(&set, before, |state| {
            for (name, value) in now.as_object().unwrap() {
                state.rest[name.as_str()] = value.clone();
            }
            let published = published.map(|minutes| (ago(minutes), state.variables.clone()));
            state.versions = published.into_iter().collect();
            state.modified = ago(since);
        });
        let said = world.preview(&revert()).unwrap_err();
        assert!(said.contains(&why), "{set}: {why}: {said}");
        let outcome = world.perform("key", &revert());
        let so = why.starts_with("it is so already");
        assert_eq!(outcome.is_done(), so, "{set}: {outcome:?}");
        assert!(world.writes().is_empty(), "{set}");
    }
}

#[test]
fn whoever_was_quicker_with_them_is_not_overwritten() {
    let world = broken(&json!({"timeout": 1}), vec![was(100)], |state| {
        state.writes = Writes::Late;
    });
    let Outcome::Failed { why } = world.perform("key", &revert()) else {
        panic!("it was overwritten");
    };
    assert!(
        why.contains("somebody altered the function between"),
        "{why}"
    );
    assert_eq!(world.state().rest["Timeout"], 1);
}

#[test]
fn a_parameter_is_given_a_value_that_it_may_have() {
    let world = World::new(|_| {});
    for (name, value, why) in [
        (
            "configuration.timeout",
            None,
            "every function has a Timeout: give it a value",
        ),
        (
            "configuration.timeout",
            Some("soon"),
            "\"soon\" is no Timeout",
        ),
        (
            "configuration.runtime",
            Some("python3.14"),
            "configuration.runtime is none of what they set of a function's configuration: configuration.handler, \
             configuration.timeout, configuration.memory_size",
        ),
    ] {
        let said = world.preview(&settings(&[(name, value)])).unwrap_err();
        assert!(said.contains(why), "{why}: {said}");
    }
    // A function that is an image has no handler.
    world.state().rest = json!({"Timeout": 15, "MemorySize": 512});
    let named = settings(&[("configuration.handler", Some("pay.handle"))]);
    let said = world.preview(&named).unwrap_err();
    assert!(
        said.contains("AWS does not tell which Handler the function has"),
        "{said}"
    );
    assert!(world.writes().is_empty());
}
