use proptest::prelude::*;

use super::*;
use crate::slack::rules;
use crate::told::{HOSTILE, life, notice};

fn shown(message: &Message) -> String {
    let message = json!({"text": message.text, "blocks": message.blocks});
    serde_json::to_string_pretty(&message).unwrap()
}

#[test]
fn the_life_of_an_incident_in_blocks() {
    let life = life();
    insta::assert_snapshot!("root_when_opened", shown(&root(&life[0])));
    insta::assert_snapshot!("root_at_the_end", shown(&root(&life[5])));
    insta::assert_snapshot!("reply_with_a_verdict", shown(&reply(&life[1])));
    insta::assert_snapshot!("reply_that_asks", shown(&reply(&life[2])));
    insta::assert_snapshot!("reply_that_asks_no_more", shown(&asked_no_more(&life[2])));
}

#[test]
fn hostile_text_in_blocks() {
    let mut notice = notice(2, "opened", HOSTILE[0], HOSTILE);
    notice.subject = HOSTILE[1].to_string();
    notice.link = "https://x/|<!channel>".to_string();
    insta::assert_snapshot!("hostile", shown(&root(&notice)));
}

#[test]
fn what_is_too_much_is_left_out_and_counted() {
    let lines: Vec<String> = (0..5_000)
        .map(|i| format!("line {i} {}", "x".repeat(i % 900)))
        .collect();
    let mut notice = notice(2, "approval_wanted", "long", &[]);
    notice.lines = lines;
    let message = reply(&notice);
    assert_eq!(
        rules::faults(&message.text, &message.blocks),
        Vec::<String>::new()
    );
    assert!(shown(&message).contains("more lines"));
    assert!(shown(&message).contains("\"approve\""));
}

proptest! {
    #[test]
    fn any_notice_is_within_the_limits(
        texts in proptest::collection::vec(any::<String>(), 4),
        lines in proptest::collection::vec(any::<String>(), 0..80),
        repeat in 1usize..300,
        asks in any::<bool>(),
    ) {
        let mut notice = notice(2, "verdict", &texts[0].repeat(repeat), &[]);
        notice.subject = texts[1].repeat(repeat);
        notice.link.clone_from(&texts[2]);
        notice.incident.0 = texts[3].repeat(repeat);
        notice.lines = lines.iter().map(|line| line.repeat(repeat)).collect();
        notice.plan = asks.then(|| "3f9a".repeat(16));
        for message in [root(&notice), reply(&notice), asked_no_more(&notice)] {
            prop_assert_eq!(rules::faults(&message.text, &message.blocks), Vec::<String>::new());
        }
    }
}
