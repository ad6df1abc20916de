//! `midwatch recording`: make, check, show, pack and unpack recorded incidents.

pub(super) mod import;
mod inspect;
mod pack;

use crate::console::Console;
use crate::exit::Exit;
use crate::problem::Problem;

/// What to do with recordings.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch recording import petshop data/petshop --out recordings/\n  \
    midwatch recording check incident/\n  \
    midwatch recording show incident.tar.zst\n  \
    midwatch recording pack incident/ incident.tar.zst")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Read a public incident set in its own layout, and write each case as a recording
    Import(import::Args),
    /// Check schema, clocks, units, gaps and secrets
    Check(inspect::Args),
    /// Show what a recording holds
    Show(inspect::Args),
    /// Pack a recording's folder into one .tar.zst; the same folder gives the same bytes
    Pack(pack::PackArgs),
    /// Unpack a .tar.zst into a new folder
    Unpack(pack::UnpackArgs),
}

/// Does one of them.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    match &args.what {
        What::Import(args) => import::run(args, console),
        What::Check(args) => inspect::check(args, console),
        What::Show(args) => inspect::show(args, console),
        What::Pack(args) => pack::pack(args, console),
        What::Unpack(args) => pack::unpack(args, console),
    }
}
