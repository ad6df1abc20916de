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
fn a_question_says_what_became_of_it() {
    let mut life = life();
    life[3].by = "ada".to_string();
    let said: Vec<_> = life.iter().filter_map(became).collect();
    let said: Vec<(&str, bool)> = said
        .iter()
        .map(|(line, over)| (line.as_str(), *over))
        .collect();
    assert_eq!(
        said,
        [
            ("Another plan is asked about below.", true),
            ("ada said yes; it is being performed.", false),
            ("It worked: the recovery is verified.", true),
            ("Closed: recovered, and verified", true),
        ]
    );
    let mut hostile = notice(9, "handed_over", "a person", &["<!channel> & co"]);
    hostile.by = "<@U1>".to_string();
    let (line, over) = became(&hostile).unwrap();
    assert!(over);
    let shown = and_then(&[], &[line]);
    assert_eq!(shown[0]["text"]["type"], "plain_text");
    assert_eq!(
        shown[0]["text"]["text"],
        "A person must go on: &lt;!channel&gt; &amp; co"
    );
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
        let asked = asked_no_more(&notice);
        let lines: Vec<String> = became(&notice).into_iter().map(|(line, _)| line).cycle().take(9).collect();
        let over = Message { blocks: and_then(&asked.blocks, &lines), ..asked.clone() };
        for message in [root(&notice), reply(&notice), asked, over] {
            prop_assert_eq!(rules::faults(&message.text, &message.blocks), Vec::<String>::new());
        }
    }
}
