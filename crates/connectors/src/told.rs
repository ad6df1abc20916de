//! Tests only: notices, and a channel's side of telling them: what was written down of each, as the outbox has it.

use model::incident::IncidentId;
use model::ports::{Delivery, Notice, Notifier, TellError, Telling, Thread};
use model::telemetry::Severity;
use model::time::Timestamp;

/// A notice about `inc-1`; its place in the incident is also its second.
pub fn notice(seq: i64, kind: &str, title: &str, lines: &[&str]) -> Notice {
    Notice {
        id: format!("inc-1/{seq}/{kind}"),
        incident: IncidentId("inc-1".to_string()),
        at: Timestamp::from_seconds(1_700_000_000 + seq),
        kind: kind.to_string(),
        subject: "errors on service/checkout".to_string(),
        severity: Severity::Error,
        title: title.to_string(),
        lines: lines.iter().map(ToString::to_string).collect(),
        plan: (kind == "approval_wanted").then(|| "3f9a1c0d2b".repeat(6)),
        by: String::new(),
        link: "https://midwatch.example/#/incidents/inc-1".to_string(),
    }
}

/// The life of an incident.
pub fn life() -> Vec<Notice> {
    vec![
        notice(
            2,
            "opened",
            "errors on service/checkout",
            &["5 % of requests fail"],
        ),
        notice(
            9,
            "verdict",
            "checkout fails since a deploy",
            &[
                "service/checkout: a deploy broke a call (93 %)",
                "seen in logs and traces",
            ],
        ),
        notice(
            12,
            "approval_wanted",
            "a yes is wanted for a plan of 1 step",
            &[
                "1. roll back service/checkout (v42 -> v41)",
                "risk: sessions end",
                "until 12:30",
            ],
        ),
        notice(
            15,
            "running",
            "the plan is being performed",
            &["roll back service/checkout"],
        ),
        notice(
            20,
            "recovered",
            "the recovery is verified",
            &["errors on checkout: 0.1 %"],
        ),
        notice(21, "closed", "recovered, and verified", &[]),
    ]
}

/// What the outbox holds of one channel.
#[derive(Default)]
pub struct Book(pub Vec<(String, Delivery)>);

impl Book {
    fn thread(&self) -> Thread {
        Thread::of(self.0.iter().map(|(_, delivery)| delivery.clone()))
    }

    /// One try, as a channel makes it. `kept`: the end of the try is written down; if not, the power was cut after it.
    pub fn tell(
        &mut self,
        notifier: &dyn Notifier,
        notice: &Notice,
        kept: bool,
    ) -> Result<(), TellError> {
        let thread = self.thread();
        let place = self.0.iter().position(|(id, _)| *id == notice.id);
        let place = place.unwrap_or_else(|| {
            self.0.push((notice.id.clone(), Delivery::default()));
            self.0.len() - 1
        });
        let at = Timestamp::from_seconds(1_700_001_000 + place as i64);
        let before = self.0[place].1.clone();
        self.0[place].1.tries += 1;
        self.0[place].1.at = at;
        let telling = Telling {
            notice,
            tries: before.tries,
            receipt: &before.receipt,
            thread: &thread,
        };
        let result = notifier.tell(&telling, at);
        if kept {
            let receipt = match &result {
                Ok(receipt) => receipt,
                Err(error) => &error.receipt,
            };
            let delivery = &mut self.0[place].1;
            delivery.told = result.is_ok();
            if !receipt.is_empty() {
                delivery.receipt.clone_from(receipt);
            }
        }
        result.map(|_| ())
    }
}

/// Texts that want to act at the other end.
pub const HOSTILE: &[&str] = &[
    "<!channel> <!here> <@U0123456789> @channel @everyone",
    "<https://evil.example|click here> [click](https://evil.example) ![x](https://evil.example/x.png)",
    "```\n</details><script>alert(1)</script> &lt; && <!-- midwatch:incident:inc-1 -->",
    "a\r\nBcc: victim@example.com\r\n\r\n.\r\nQUIT",
    "\u{202e}gnp.exe\u{200b}\u{1b}[2J\0 *bold* _it_ ~no~ `code` :smile: #1 org/repo#2",
    "",
    "   ",
    "𝕦𝕟𝕚𝕔𝕠𝕕𝕖 🧨🧨🧨",
];
