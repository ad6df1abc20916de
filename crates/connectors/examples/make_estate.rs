//! Writes a made-up estate with one planted fault as a recording:
//! `cargo run --release -p midwatch-connectors --example make_estate -- DIR [ENTITIES EDGES POINTS LINES SPANS]`.
//!
//! Without sizes it is the estate of the project's own benchmark; the seed is fixed, so that two runs write
//! the same.

use std::path::Path;

use connectors::files::transform::estate::{LARGE, Size, estate};

const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().ok_or("which folder?")?;
    let sizes: Vec<usize> = args.map(|n| n.parse()).collect::<Result<_, _>>()?;
    let size = match sizes.as_slice() {
        [] => LARGE,
        &[entities, edges, points, log_lines, spans] => Size {
            entities,
            edges,
            points,
            log_lines,
            spans,
        },
        _ => return Err("five sizes or none: ENTITIES EDGES POINTS LINES SPANS".into()),
    };
    estate(size, SEED, Path::new(&dir))?;
    Ok(())
}
