//! Writes the generated log lines of the bench to standard output, for peers in other languages.
//!
//! ```text
//! cargo run --release -p midwatch-analysis --example loglines -- 200000 > /tmp/lines.log
//! python crates/analysis/benches/peers/drain3_throughput.py /tmp/lines.log
//! ```

use std::io::Write as _;
use std::process::ExitCode;

#[path = "../benches/peers/lines.rs"]
mod lines;

fn main() -> ExitCode {
    let Some(count) = std::env::args().nth(1).and_then(|text| text.parse().ok()) else {
        eprintln!("usage: loglines COUNT");
        return ExitCode::from(2);
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let written = lines::lines(count)
        .iter()
        .try_for_each(|line| writeln!(out, "{line}"))
        .and_then(|()| out.flush());
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loglines: {error}");
            ExitCode::FAILURE
        }
    }
}
