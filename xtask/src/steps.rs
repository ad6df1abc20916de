//! Steps with a name and a time, and what they count up to.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context as _;

/// Checks that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many held.
    pub passed: u64,
    /// How many did not.
    pub failed: u64,
}

/// The steps of one run.
#[derive(Default)]
pub struct Steps {
    count: Count,
    passed_over: u64,
    lines: Vec<String>,
}

impl Steps {
    /// Runs one step. A step whose tests were counted counts as them, any other as one check; a step that
    /// fails without a failing test counts as one failure more.
    pub fn step(&mut self, name: &str, work: impl FnOnce() -> anyhow::Result<(bool, Count)>) {
        println!("\n== {name}");
        let begun = Instant::now();
        let (held, mut count) = work().unwrap_or_else(|error| {
            println!("{error:#}");
            (false, Count::default())
        });
        if held && count == Count::default() {
            count.passed = 1;
        }
        if !held && count.failed == 0 {
            count.failed = 1;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let word = if held { "ok" } else { "FAILED" };
        println!("-- {name}: {word} ({seconds:.1} s)");
        self.count.passed += count.passed;
        self.count.failed += count.failed;
        self.lines
            .push(format!("{word:<7} {seconds:>7.1} s  {name}"));
    }

    /// A step that cannot be taken on this machine, and why. It is told among the others at the end: what was not
    /// proven must not look as if it had been.
    pub fn passed_over(&mut self, name: &str, why: impl std::fmt::Display) {
        println!("\n== {name}: passed over, {why}");
        self.passed_over += 1;
        self.lines
            .push(format!("{:<19} {name}: {why}", "PASSED OVER"));
    }

    /// Says how it went, the count alone on the last line. True if nothing failed.
    pub fn end(self) -> bool {
        println!();
        for line in &self.lines {
            println!("{line}");
        }
        if self.passed_over > 0 {
            println!("{} steps passed over", self.passed_over);
        }
        println!("{} passed, {} failed", self.count.passed, self.count.failed);
        self.count.failed == 0
    }
}

/// Runs a program, passes on what it says as it says it, and counts the tests it tells of.
pub fn told(command: &mut Command) -> anyhow::Result<(bool, Count)> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| {
            format!(
                "{} cannot be started",
                command.get_program().to_string_lossy()
            )
        })?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let count = std::thread::scope(|threads| {
        let out = threads.spawn(|| passed_on(out, &mut std::io::stdout()));
        let err = threads.spawn(|| passed_on(err, &mut std::io::stderr()));
        [out, err].map(|one| one.join().unwrap_or_default())
    });
    let status = child.wait()?;
    let sum = |of: fn(&Count) -> u64| count.iter().map(of).sum();
    let count = Count {
        passed: sum(|c| c.passed),
        failed: sum(|c| c.failed),
    };
    Ok((status.success(), count))
}

/// Runs a program quietly; shows what it said only when it failed.
pub fn quiet(command: &mut Command) -> anyhow::Result<(bool, Count)> {
    let output = command.output().with_context(|| {
        format!(
            "{} cannot be started",
            command.get_program().to_string_lossy()
        )
    })?;
    if !output.status.success() {
        print!("{}", String::from_utf8_lossy(&output.stdout));
        print!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok((output.status.success(), Count::default()))
}

fn passed_on(from: Option<impl Read>, to: &mut impl Write) -> Count {
    let mut count = Count::default();
    let Some(from) = from else { return count };
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        // A reader who went away is no reason to stop the tests.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        if let Some(more) = counted(&String::from_utf8_lossy(&line)) {
            count.passed += more.passed;
            count.failed += more.failed;
        }
        line.clear();
    }
    count
}

/// The closing lines of `cargo test` and of `cargo nextest`. What a test said that nextest ran stands further in, and
/// would be counted a second time.
fn counted(line: &str) -> Option<Count> {
    if !(line.starts_with("test result:") || line.trim().starts_with("Summary [")) {
        return None;
    }
    let line = line.trim();
    let before = |word: &str| {
        let words: Vec<&str> = line
            .split([' ', ',', ';'])
            .filter(|part| !part.is_empty())
            .collect();
        words
            .windows(2)
            .find(|pair| pair[1] == word)
            .and_then(|pair| pair[0].parse::<u64>().ok())
            .unwrap_or(0)
    };
    Some(Count {
        passed: before("passed"),
        failed: before("failed") + before("timed"),
    })
}

#[cfg(test)]
mod tests {
    use super::{Count, counted};

    #[test]
    fn closing_lines_are_counted() {
        for (line, passed, failed) in [
            (
                "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
                12,
                0,
            ),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored", 3, 2),
            (
                "     Summary [   4.021s] 402 tests run: 401 passed (2 slow), 1 failed, 3 skipped",
                401,
                1,
            ),
        ] {
            assert_eq!(counted(line), Some(Count { passed, failed }), "{line}");
        }
        for line in [
            "9 passed on a street",
            "    test result: ok. 1 passed; 0 failed; 0 ignored",
        ] {
            assert_eq!(counted(line), None, "{line}");
        }
    }
}
