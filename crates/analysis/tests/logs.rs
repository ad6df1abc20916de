//! The log miner from outside: what lines become, and what no input may do.

use analysis::logs::{Config, Miner, SlotKind, TemplateId, mask};
use proptest::collection::vec;
use proptest::prelude::*;

fn skeleton(line: &str) -> String {
    let mut out = Vec::new();
    mask(line.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The texts of all templates after a merge, with their counts, sorted.
fn templates(lines: &[&str]) -> Vec<String> {
    let mut miner = Miner::default();
    for line in lines {
        miner.insert(line.as_bytes());
    }
    miner.merge();
    let mut texts: Vec<String> = miner
        .templates()
        .map(|t| format!("{} x {}", t.count, t.text))
        .collect();
    texts.sort();
    texts
}

#[test]
fn values_become_typed_marks() {
    let cases = [
        // numbers
        (
            "took 12 tries, -3.5 left, 1e-9 off",
            "took <num> tries, <num> left, <num> off",
        ),
        ("used 95% of 12GB in 3.2s", "used <num>% of <size> in <dur>"),
        ("waited 1m30.5s and 200µs", "waited <dur> and <dur>"),
        ("at 0x7ffe12 flags 0xFF", "at <hex> flags <hex>"),
        ("commit 9f86d081884c7d65 ok", "commit <hex> ok"),
        // addresses
        ("from 10.0.0.7:5432 to 192.168.0.0/16", "from <ip> to <ip>"),
        ("peer fe80::1ff:fe23:4567:890a%eth2 left", "peer <ip> left"),
        (
            "Old: node-4/10.1.2.3:9000 New: /10.1.2.4:9000",
            "Old: <ip> New: <ip>",
        ),
        ("mac 00:1b:44:11:3a:b7 seen", "mac <mac> seen"),
        ("10.0.0.1:80:Got exception", "<ip>:Got exception"),
        ("lookup db.prod.internal failed", "lookup <host> failed"),
        ("dial api.example.com:443: refused", "dial <host>: refused"),
        ("see https://example.com/a?b=1&c=2, then", "see <url>, then"),
        ("mail ann.lee+x@example.org now", "mail <email> now"),
        // times
        ("2026-11-21T10:00:00.123Z start", "<time> start"),
        ("2026-11-21 10:00:00,123 INFO start", "<time> INFO start"),
        ("[10/Oct/2026:13:55:36 +0000] hit", "[<time> <num>] hit"),
        ("17/06/09 20:10:40 INFO x", "<time> INFO x"),
        ("20261121-22:15:29:606|run", "<time>|run"),
        // names with values in them
        ("blk_-6952295868487656571 gone", "blk_<num> gone"),
        (
            "attempt_1445144423722_0020_m_000001_0 ok",
            "attempt_<id> ok",
        ),
        (
            "request 550e8400-e29b-41d4-a716-446655440000 done",
            "request <uuid> done",
        ),
        (
            "[req-550e8400-e29b-41d4-a716-446655440000] done",
            "[req-<uuid>] done",
        ),
        (
            "pod checkout-7d4b9c6f5-x2k8z evicted",
            "pod checkout-<id> evicted",
        ),
        (
            "arn:aws:iam::123456789012:role/payments denied",
            "arn:aws:iam::<num>:role/payments denied",
        ),
        (
            "E1121 10:00:00.000001 7 server.go:81] gone",
            "E<num> <time> <num> server.go:<num>] gone",
        ),
        (
            "read udp 10.0.0.1:40->10.0.0.2:53: i/o timeout",
            "read udp <ip>-><ip>: i/o timeout",
        ),
        (
            "lookup cache.shop.svc.cluster.local: no such host",
            "lookup <host>: no such host",
        ),
        // paths
        (
            "open /var/lib/app/data.db: no such file",
            "open <path>: no such file",
        ),
        (r"open C:\Windows\x.dll failed", "open <path> failed"),
        (
            "\"GET /v2/items/17?q=a,b HTTP/1.1\" 200",
            "\"GET <path> HTTP/<num>\" <num>",
        ),
        // what stays: words, code, short names whose digits may belong to them
        (
            "java.lang.NullPointerException at org.acme.Foo",
            "java.lang.NullPointerException at org.acme.Foo",
        ),
        (
            "eth0 up, x86 and IPv6, sha-1",
            "eth0 up, x86 and IPv6, sha-<num>",
        ),
        ("Main.java:17 thrown", "Main.java:<num> thrown"),
        ("read/write and/or", "read/write and/or"),
        ("user=ann retries=3", "user=ann retries=<num>"),
        // white space and colour
        ("  a\t b \x1b[31mred\x1b[0m\r\n", "a b red"),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(line, expected)| skeleton(line) != *expected)
        .map(|(line, expected)| {
            format!(
                "{line}\n  expected {expected}\n  found    {}",
                skeleton(line)
            )
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn messages_stay_apart_and_values_do_not() {
    let lines = [
        "session opened for user ann by (uid=0)",
        "session opened for user bob by (uid=0)",
        "session opened for user cyd by (uid=0)",
        "session opened for user dan by (uid=0)",
        "session opened for user eve by (uid=0)",
        "session opened for user fay by (uid=0)",
        "session closed for user ann",
        "worker-1 ready on eth0",
        "worker-2 ready on eth0",
        "cache hit ratio=0.5 state=WARM",
        "cache hit ratio=0.7 state=COLD",
        "free 3 KB of memory",
        "free 4 MB of memory",
        "peers 10.0.0.1",
        "peers 10.0.0.1,10.0.0.2",
        "peers 10.0.0.1,10.0.0.2,10.0.0.3",
    ];
    let expected = [
        "1 x session closed for user ann",
        "2 x cache hit ratio=<num> state=<*>",
        "2 x free <num> <*> of memory",
        "2 x worker-<num> ready on eth0",
        "3 x peers <ip>",
        "6 x session opened for user <*> by (uid=<num>)",
    ];
    assert_eq!(templates(&lines), expected);
}

#[test]
fn several_places_may_vary_at_once() {
    let people = [
        "ann", "bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ida", "jon",
    ];
    let goods = [
        "tea", "rice", "salt", "milk", "figs", "kale", "soap", "wool", "yeast", "zinc",
    ];
    let lines: Vec<String> = (0..10)
        .map(|i| {
            format!(
                "customer {} bought {} for 3 coins",
                people[i],
                goods[(i * 7 + 3) % 10]
            )
        })
        .chain((1..4).map(|n| format!("stations=[{}]", goods[..n].join(", "))))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let expected = [
        "10 x customer <*> bought <*> for <num> coins",
        "3 x stations=[<*>]",
    ];
    assert_eq!(templates(&lines), expected);
}

#[test]
fn severities_and_outcomes_are_never_values() {
    let lines: Vec<String> = ["debug", "info", "warn", "error", "fatal", "trace", "notice"]
        .iter()
        .map(|level| format!("level={level} msg=\"charge card\""))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(templates(&lines).len(), 7);
    assert_eq!(
        templates(&[
            "charge succeeded for order 1",
            "charge failed for order 2",
            "charge denied for order 3"
        ])
        .len(),
        3
    );
}

#[test]
fn the_values_of_a_line_are_found_again() {
    let mut miner = Miner::default();
    let users = ["ann", "bob", "cyd", "dan", "eve", "fay"];
    let mut last = TemplateId(0);
    for user in users {
        last = miner.insert(format!("login of {user} from 10.0.0.7:22 took 35ms ok").as_bytes());
    }
    miner.merge();
    let slots = miner.slots(last, b"login of zoe from 10.9.9.9:22 took 7ms ok");
    let slots: Vec<(SlotKind, &str)> = slots
        .iter()
        .map(|slot| (slot.kind, slot.text.as_str()))
        .collect();
    assert_eq!(
        slots,
        [
            (SlotKind::Any, "zoe"),
            (SlotKind::Ip, "10.9.9.9:22"),
            (SlotKind::Duration, "7ms")
        ]
    );
    // A line of another kind still gives what its form shows.
    let other = miner.slots(last, b"stopped after 3 tries");
    assert_eq!(
        other
            .iter()
            .map(|slot| slot.text.as_str())
            .collect::<Vec<_>>(),
        ["3"]
    );
}

#[test]
fn names_stay_valid_after_merges() {
    let mut miner = Miner::default();
    let ids: Vec<TemplateId> = (0..9)
        .map(|i| miner.insert(format!("node{i} joined the ring").as_bytes()))
        .collect();
    assert!(ids.iter().collect::<std::collections::BTreeSet<_>>().len() > 1);
    miner.merge();
    let resolved: std::collections::BTreeSet<TemplateId> =
        ids.iter().map(|id| miner.resolve(*id)).collect();
    assert_eq!(resolved.len(), 1);
    let template = ids
        .last()
        .and_then(|id| miner.template(*id))
        .expect("a template that was just given out");
    assert_eq!(
        (template.count, template.example.as_str()),
        (9, "node0 joined the ring")
    );
    // Later lines find the general template without a merge.
    assert_eq!(miner.insert(b"node77 joined the ring"), template.id);
    assert_eq!(miner.template(TemplateId(u32::MAX)), None);
}

#[test]
fn long_lines_are_cut_and_say_so() {
    let mut line = b"dump follows: ".to_vec();
    line.resize(10 << 20, b'x');
    let mut miner = Miner::default();
    let id = miner.insert(&line);
    let template = miner
        .template(id)
        .expect("a template that was just given out");
    assert!(template.truncated && template.text.len() < 8192 && template.example.len() <= 512);
    assert_eq!(template.text, "dump follows: <*>");
}

#[test]
fn failures_with_deeper_stacks_are_the_same_failure() {
    let lines = [
        "order 17 failed: java.io.IOException: gone\n\tat a.B.c(B.java:1)\n",
        "order 18 failed: java.io.IOException: gone\n\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:9)\n",
    ];
    assert_eq!(
        templates(&lines),
        ["2 x order <num> failed: java.io.IOException: gone"]
    );
}

#[test]
fn hostile_variety_is_held_in_bounds() {
    let config = Config {
        max_skeletons: 500,
        ..Config::default()
    };
    let mut miner = Miner::new(config);
    let mut state = 1u64;
    let mut word = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (0..8)
            .map(|i| char::from(b'a' + (state >> (8 + 5 * i)) as u8 % 26))
            .collect::<String>()
    };
    let n = 50_000;
    for _ in 0..n {
        let line = format!("{} {} {} {}", word(), word(), word(), word());
        miner.insert(line.as_bytes());
    }
    miner.merge();
    assert!(miner.len() <= 500 * 4 + 257, "{}", miner.len());
    assert_eq!(miner.templates().map(|t| t.count).sum::<u64>(), n);
}

/// Lines with the shapes that logs have, so that merges happen.
fn log_line() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "open", "close", "user", "ann", "bob", "cyd", "eth0", "eth1", "failed", "a.b.C", "x_y",
        "null", "-", "10.0.0.1", "17", "KB", "MB", "/a/b", "0xff",
    ]);
    let joint = prop::sample::select(vec![" ", "=", ": ", ", ", " (", ") ", "[", "]"]);
    vec((word, joint), 1..7).prop_map(|parts| {
        parts
            .into_iter()
            .map(|(word, joint)| format!("{word}{joint}"))
            .collect()
    })
}

fn hostile_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => prop::sample::select(vec![
            "<num>", "<*>", "<", ">", "1", "2026-11-21", "10:00:00", ",978", "10.0.0.1", ":80", "/", "/a/b", "a", "abc", "-", "_", ".", ":", "::", "@", "x.com",
            "0x1f", "deadbeef1", " ", "  ", "=", "?", "\x1b[0m", "\x1b", "http://h/p", "e5", "ms", "é", "7d4b9c6f5-x2k8z", "550e8400-e29b-41d4-a716-446655440000",
            "00:1b:44:11:3a:b7", "T", "Z", "+", "C:\\x",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_skeleton_is_its_own_skeleton(line in hostile_text()) {
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        mask(&line, &mut once);
        mask(&once, &mut twice);
        prop_assert_eq!(String::from_utf8_lossy(&once), String::from_utf8_lossy(&twice));
    }

    #[test]
    fn any_bytes_are_survived_and_counted(lines in vec(hostile_text(), 0..60), max_skeletons in 0usize..40, max_tokens in 0usize..12) {
        let config = Config { max_skeletons, max_tokens, max_line_bytes: 64, max_bytes: 4096, max_example_bytes: 16 };
        let mut miner = Miner::new(config);
        for line in &lines {
            let id = miner.insert(line);
            let _ = miner.slots(id, line);
        }
        miner.merge();
        prop_assert_eq!(miner.lines(), lines.len() as u64);
        prop_assert_eq!(miner.templates().map(|t| t.count).sum::<u64>(), lines.len() as u64);
    }

    #[test]
    fn the_order_of_lines_changes_no_template(lines in vec(log_line(), 0..40), seed in any::<u64>()) {
        let sorted_by = |salt: u64| {
            let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            lines.sort_by_key(|line| line.bytes().fold(salt, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)));
            lines
        };
        let straight: Vec<&str> = lines.iter().map(String::as_str).collect();
        prop_assert_eq!(templates(&straight), templates(&sorted_by(seed)));
    }

    #[test]
    fn every_line_has_the_slots_of_its_template(lines in vec(log_line(), 1..30)) {
        let mut miner = Miner::default();
        let ids: Vec<TemplateId> = lines.iter().map(|line| miner.insert(line.as_bytes())).collect();
        miner.merge();
        for (line, id) in lines.iter().zip(ids) {
            for slot in miner.slots(id, line.as_bytes()) {
                let known = slot.text.split_whitespace().all(|word| line.contains(word));
                prop_assert!(known, "{:?} is not in {:?}", slot, line);
            }
        }
    }
}
