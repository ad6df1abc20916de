//! The person at the terminal: what they type is heard while the rest goes on, because the answer may come from the page
//! just as well.

use std::io::BufRead as _;
use std::sync::mpsc::{Receiver, channel};

use model::incident::IncidentEvent;

/// Somebody who may type.
pub struct Person {
    lines: Receiver<String>,
}

impl Person {
    /// Begins to listen. The thread that listens ends with the program, or when there is nothing more to be heard.
    pub fn listen() -> Self {
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { break };
                if tell.send(line.trim().to_lowercase()).is_err() {
                    break;
                }
            }
        });
        Self { lines }
    }

    /// The last thing that was typed since this was asked.
    pub fn said(&self) -> Option<String> {
        self.lines.try_iter().last()
    }
}

/// Was this plan answered, by whomever, or is it not to be answered any more?
pub fn settled(event: &IncidentEvent, wanted: &str) -> bool {
    match event {
        IncidentEvent::Approved { approval } => approval.plan == wanted,
        IncidentEvent::Refused { plan, .. } | IncidentEvent::ApprovalExpired { plan } => {
            plan == wanted
        }
        IncidentEvent::NoPlan { .. } | IncidentEvent::Closed { .. } => true,
        _ => false,
    }
}
