//! `midwatch recording pack` and `unpack`: a folder as one file, and back.

use std::path::{Path, PathBuf};

use connectors::files::{self, Limits};
use serde::Serialize;
use store::archive;

use crate::command::Answer;
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;

/// What to pack, and where to.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  midwatch recording pack incident/ incident.tar.zst")]
pub struct PackArgs {
    /// A recording's folder
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The archive to make; it must not exist yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

/// What to unpack, and where to.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  midwatch recording unpack incident.tar.zst incident/")]
pub struct UnpackArgs {
    /// An archive that `midwatch recording pack` made
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder to make; it must not exist yet
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

#[derive(Serialize)]
struct Made {
    path: String,
    bytes: u64,
}

/// Packs. Only what opens as a recording is packed: an archive of anything else helps nobody.
pub fn pack(args: &PackArgs, console: &mut Console<'_>) -> Result<Exit, Problem> {
    files::open(&args.dir, &Limits::default())
        .map_err(|error| Problem::from(error).within(&args.dir))?;
    archive::pack(&args.dir, &args.file)?;
    tell(&args.file, args.format, console)
}

/// Unpacks beside the folder and renames, so that the folder is whole or not there.
pub fn unpack(args: &UnpackArgs, console: &mut Console<'_>) -> Result<Exit, Problem> {
    if args.dir.symlink_metadata().is_ok() {
        return Err(Problem::bad_input(
            "something is there already",
            args.dir.display().to_string(),
            "choose another name, or remove it first",
        ));
    }
    let refused =
        |error: std::io::Error| Problem::unwritable(args.dir.display().to_string(), &error);
    let parent = match args.dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let file =
        std::fs::File::open(&args.file).map_err(|error| Problem::unreadable(&args.file, &error))?;
    let packed = file
        .metadata()
        .map_err(|error| Problem::unreadable(&args.file, &error))?
        .len();
    let beside = tempfile::Builder::new()
        .prefix(".midwatch-unpack-")
        .tempdir_in(parent)
        .map_err(refused)?;
    let name = args.file.display().to_string();
    let input = std::io::BufReader::new(file);
    archive::unpack_from(
        input,
        packed,
        &name,
        beside.path(),
        &archive::Limits::default(),
    )?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary folders are private; a recording is as open as its neighbours.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(beside.path(), open).map_err(refused)?;
    }
    std::fs::rename(beside.path(), &args.dir).map_err(refused)?;
    // It has another name now; there is nothing left to remove.
    let _ = beside.keep();
    tell(&args.dir, args.format, console)
}

fn tell(path: &Path, format: Answer, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let bytes = size(path);
    let made = Made {
        path: path.display().to_string(),
        bytes,
    };
    let text = match format {
        Answer::Json => dress::json(&made),
        Answer::Terminal => format!("{} ({} bytes)\n", made.path, dress::text::count(bytes)),
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

/// Bytes of a file, or of all files below a folder; what cannot be read counts as nothing.
fn size(path: &Path) -> u64 {
    match path.symlink_metadata() {
        Ok(about) if about.is_dir() => std::fs::read_dir(path)
            .map(|entries| entries.flatten().map(|entry| size(&entry.path())).sum())
            .unwrap_or(0),
        Ok(about) => about.len(),
        Err(_) => 0,
    }
}
