//! Answers that stand for a moment: for questions that every request asks and whose answer rarely changes. A statement
//! passes through two threads and back, which on a busy machine takes longer than all else that a request does.
//!
//! Who writes in this process says so ([`Still::wrote`]), and what was asked before no longer stands, for all who have
//! the same file open here. Another process cannot say so: what it writes is seen a moment later.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// So long an answer stands at most.
const STANDS: Duration = Duration::from_millis(200);
/// Answers that are remembered.
const ANSWERS: usize = 4_096;

/// How often each file was written in this process, for as long as somebody has it open.
static WRITTEN: Mutex<BTreeMap<PathBuf, Weak<AtomicU64>>> = Mutex::new(BTreeMap::new());

fn written(file: &Path) -> Arc<AtomicU64> {
    let file = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let mut all = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|_, count| count.strong_count() > 0);
    if let Some(known) = all.get(&file).and_then(Weak::upgrade) {
        return known;
    }
    let count = Arc::new(AtomicU64::new(0));
    all.insert(file, Arc::downgrade(&count));
    count
}

/// Answers of a database, each under its question.
#[derive(Debug)]
pub struct Still<Q, A> {
    written: Arc<AtomicU64>,
    answers: Mutex<BTreeMap<Q, Answer<A>>>,
}

#[derive(Debug)]
struct Answer<A> {
    /// How often the file had been written before it was asked.
    written: u64,
    asked: Instant,
    answer: A,
}

impl<Q: Ord, A: Clone> Still<Q, A> {
    /// Of the database in this file, which is there.
    pub fn of(file: &Path) -> Self {
        Self {
            written: written(file),
            answers: Mutex::default(),
        }
    }

    /// Something was written: nothing that was asked before stands.
    pub fn wrote(&self) {
        self.written.fetch_add(1, Ordering::SeqCst);
    }

    /// What this question was answered with, if that still stands; else what `ask` says.
    ///
    /// # Errors
    /// Those of `ask`; they are not remembered.
    pub fn or<E>(&self, question: Q, ask: impl FnOnce() -> Result<A, E>) -> Result<A, E> {
        let answers = || self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        // Before it is asked: whoever writes in between makes the answer one of before.
        let (written, asked) = (self.written.load(Ordering::SeqCst), Instant::now());
        if let Some(known) = answers().get(&question)
            && known.written == written
            && asked.duration_since(known.asked) < STANDS
        {
            return Ok(known.answer.clone());
        }
        let answer = ask()?;
        let mut answers = answers();
        while answers.len() >= ANSWERS && answers.pop_first().is_some() {}
        let known = Answer {
            written,
            asked,
            answer: answer.clone(),
        };
        answers.insert(question, known);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn an_answer_stands_until_somebody_writes_and_not_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("book.db");
        std::fs::write(&file, "").unwrap();
        let reader = Still::of(&file);
        let writer: Still<u8, u32> = Still::of(&folder.path().join(".").join("book.db"));
        let asked = Cell::new(0);
        let ask = |question: u8| {
            let ask = || {
                asked.set(asked.get() + 1);
                Ok::<_, Infallible>(asked.get())
            };
            reader.or(question, ask).unwrap()
        };
        assert_eq!((ask(1), ask(1), ask(2), ask(1)), (1, 1, 2, 1));
        writer.wrote();
        assert_eq!(
            (ask(1), ask(1)),
            (3, 3),
            "through another handle of the file"
        );
        std::thread::sleep(STANDS);
        assert_eq!(ask(1), 4, "another process may have written");
    }
}
