//! What the marks of a skeleton stand for in one line.

use super::mask::Sink;
use super::slot::{Slot, SlotKind};

/// A skeleton together with what its marks stand for.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) skeleton: Vec<u8>,
    pub(super) marks: Vec<Mark>,
}

pub(super) struct Mark {
    pub(super) at: usize,
    pub(super) kind: SlotKind,
    pub(super) text: Vec<u8>,
}

impl Mark {
    pub(super) fn slot(&self) -> Slot {
        Slot {
            kind: self.kind,
            text: String::from_utf8_lossy(&self.text).into_owned(),
        }
    }
}

impl Parts {
    /// What stood in the line where the skeleton has `from..to`.
    pub(super) fn original(&self, from: usize, to: usize) -> String {
        let mut out = Vec::new();
        let mut at = from;
        for mark in self
            .marks
            .iter()
            .filter(|mark| mark.at >= from && mark.at < to)
        {
            out.extend_from_slice(self.skeleton.get(at..mark.at).unwrap_or_default());
            out.extend_from_slice(&mark.text);
            at = mark.at + mark.kind.mark().len();
        }
        out.extend_from_slice(self.skeleton.get(at..to).unwrap_or_default());
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl Sink for Parts {
    fn literal(&mut self, text: &[u8]) {
        self.skeleton.extend_from_slice(text);
    }

    fn slot(&mut self, kind: SlotKind, text: &[u8]) {
        self.marks.push(Mark {
            at: self.skeleton.len(),
            kind,
            text: text.to_vec(),
        });
        self.skeleton.extend_from_slice(kind.mark().as_bytes());
    }
}
