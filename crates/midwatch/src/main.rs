//! `midwatch`: parse, run, say how it ended. The story is [`midwatch::run`].

use std::process::ExitCode;

use midwatch::console::{Console, Surroundings};

/// Investigations allocate many short texts; this allocator is markedly faster at that than the
/// system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The guest of the demonstration is a program of its own, with streams and processes of its own.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == "payledger") {
        let words = std::iter::once("midwatch payledger".into()).chain(words);
        return payledger::main_from_embedded(words, &["payledger".into()]);
    }
    // Neither is locked for good: `midwatch mcp` writes to standard output from another thread.
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let mut console = Console::new(&mut out, &mut err, Surroundings::of_this_process());
    midwatch::run(std::env::args_os(), &mut console).into()
}
