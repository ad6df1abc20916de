//! The `payledger` program; everything is in the library, so that other programs can embed it.

fn main() -> std::process::ExitCode {
    payledger::main_from(std::env::args_os())
}
