//! The project's own chores: `cargo xtask test`, `bench`, `generate`.
//!
//! They need a Rust toolchain and nothing else; what makes them quicker (cargo-nextest) or stricter
//! (cargo-deny) is used where it is installed, and its absence is said. What tests need that others make (a proxy, a
//! provider to sign in by, clients) is brought by name (`vendors.rs`).

mod api;
mod asking;
mod bench;
mod changelog;
mod estate;
mod figures;
mod floors;
mod generate;
mod guide;
mod history;
mod house;
mod light;
mod live;
mod load;
mod marks;
mod mcp;
mod pages;
mod rooms;
mod shop;
mod source;
mod steps;
mod test;
mod vendors;

use std::process::ExitCode;

const USAGE: &str = "\
The project's own chores.

  cargo xtask test                       everything that must hold: format, lints, floors, tests, docs, a run of the program
  cargo xtask floors                     only the floors of the house (seconds, compiles nothing else)
  cargo xtask generate                   write what is made from code: the schemas, the commands' page, and the report that the README shows
  cargo xtask guide [--mdbook FILE]      build the user guide from docs/ into guide/, where mdBook is installed
  cargo xtask bench [--data DIR]         measure on the public incident sets; writes docs/bench/latest.json
                                         and the README's figures (DIR: --data, or MIDWATCH_DATA)
  cargo xtask bench --data DIR --quick   the same with the plain runs only
  cargo xtask bench --long               only what recordings of 0.2 GB and 2 GB take; needs 5 GB of disk, no DIR
  cargo xtask bench --write              only write the README's figures again from docs/bench/latest.json
  cargo xtask live [--runs N] [--faults three|all|NAME,NAME+NAME] [--recover] [--at-once N] [--keep DIR]
                                         the live demonstration again and again; writes docs/bench/live.json and
                                         the README's live figures
  cargo xtask live --pairs N --seed S    random pairs of faults
  cargo xtask live --write               only write the README's live figures again
  cargo xtask api [--minutes N] [--tool FILE]
                                         requests of all kinds, made from the API's description by schemathesis, with
                                         keys of each role; writes docs/bench/api.json
  cargo xtask mcp [--profile NAME]       the official clients of the Model Context Protocol against the program
  cargo xtask load [--seconds N] [--rate N] [--streams N] [--incidents N]
                                         streams and requests while something is investigated; writes docs/bench/load.json
  cargo xtask pages [--incidents N] [--entities N]
                                         how long the page's own routes take over a long history and in a large system;
                                         writes docs/bench/pages.json
  cargo xtask shop up|down|list|break NAME|mend NAME [--folder DIR]
                                         a shop of nginx, PostgreSQL, Redis and RabbitMQ under a real Prometheus, and
                                         ways to break it (xtask/shop/README.md)
  cargo xtask shop see [NAME...]         break each, look whether Prometheus shows it, mend it
  cargo xtask shop run [--all|NAME...] [--runs N] [--program FILE] [--calm SECONDS] [--keep DIR]
                                         the same with Midwatch beside it; writes docs/bench/shop.json and docs/shop.md
  cargo xtask shop calm --calm SECONDS [--program FILE]
                                         nothing is broken, and nothing may be named
  cargo xtask shop write                 only write docs/shop.md again from docs/bench/shop.json
  cargo xtask shop peers --kept DIR      detectors that others make, on the recordings that `shop run --keep DIR` kept; writes
                                         docs/bench/shop-peers.json and a table of docs/shop.md
  cargo xtask changelog VERSION          move the fragments in changelog.d/ into CHANGELOG.md
";

/// The lines of the usage that are about one chore; none if there is no such chore.
fn usage_of(chore: &str) -> Option<String> {
    let mut own = false;
    let lines = USAGE.lines().filter(|line| {
        if let Some(rest) = line.strip_prefix("  cargo xtask ") {
            own = rest.split(' ').next() == Some(chore);
        }
        own
    });
    let usage: String = lines.flat_map(|line| [line, "\n"]).collect();
    (!usage.is_empty()).then_some(usage)
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let [chore, .., "--help" | "-h"] = words.as_slice()
        && let Some(usage) = usage_of(chore)
    {
        print!("{usage}");
        return ExitCode::SUCCESS;
    }
    let done = match words.as_slice() {
        ["test"] => test::run(),
        ["floors"] => floors::run(),
        ["generate"] => generate::run(),
        ["guide", options @ ..] => guide::run(options),
        ["bench", options @ ..] => bench::run(options),
        ["live", options @ ..] => live::run(options),
        ["api", options @ ..] => api::run(options),
        ["mcp", options @ ..] => mcp::run(options),
        ["load", options @ ..] => load::run(options),
        ["pages", options @ ..] => pages::run(options),
        ["shop", words @ ..] => shop::run(words),
        ["changelog", version] => changelog::run(version),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => Err(anyhow::anyhow!(
            "no such chore: {}\n\n{USAGE}",
            other.join(" ")
        )),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::usage_of;

    #[test]
    fn a_chore_tells_of_itself_alone() {
        let told = usage_of("pages").unwrap();
        assert!(told.starts_with("  cargo xtask pages"), "{told}");
        assert!(told.contains("docs/bench/pages.json"), "{told}");
        assert!(!told.contains("shop"), "{told}");
        assert_eq!(usage_of("sleep"), None);
    }
}
