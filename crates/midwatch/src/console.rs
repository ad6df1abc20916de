//! The two streams that the program writes to, and what it knows of the terminal behind them.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use crate::dress::pencil::{Pencil, Tone};
use crate::problem::Problem;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What is known of the terminal. The default is none at all: plain text, 80 columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Does standard output go to a terminal?
    pub out_is_terminal: bool,
    /// Does standard error?
    pub err_is_terminal: bool,
    /// Columns, where known.
    pub width: Option<usize>,
    /// NO_COLOR is set to anything but nothing (<https://no-color.org>), or the terminal is dumb.
    pub no_colour: bool,
    /// The locale's encoding is UTF-8.
    pub unicode: bool,
}

impl Surroundings {
    /// As this process finds them.
    pub fn of_this_process() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let word = |name: &str| std::env::var(name).unwrap_or_default();
        // The first of these that is set decides, as in setlocale(3).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .map(word)
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_ascii_lowercase();
        Self {
            out_is_terminal: std::io::stdout().is_terminal(),
            err_is_terminal: std::io::stderr().is_terminal(),
            width: terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)),
            no_colour: set("NO_COLOR") || word("TERM") == "dumb",
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
        }
    }
}

/// Where the program writes.
pub struct Console<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    surroundings: Surroundings,
    colour: Colour,
    quiet: bool,
}

impl<'a> Console<'a> {
    /// Over these two streams.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write, surroundings: Surroundings) -> Self {
        Self {
            out,
            err,
            surroundings,
            colour: Colour::Auto,
            quiet: false,
        }
    }

    /// What the command line says about colours and quiet.
    pub fn wants(&mut self, colour: Colour, quiet: bool) {
        self.colour = colour;
        self.quiet = quiet;
    }

    /// What can be shown where something is delivered. A file has no width and no colours, whatever terminal the
    /// command runs in.
    pub fn pencil_for(&self, out: Option<&Path>) -> Pencil {
        out.map_or_else(|| self.pencil(), |_| Pencil::default())
    }

    /// What standard output can show.
    pub fn pencil(&self) -> Pencil {
        let around = self.surroundings;
        let width = around
            .width
            .filter(|_| around.out_is_terminal)
            .unwrap_or(80);
        Pencil::new(
            width,
            self.coloured(around.out_is_terminal),
            around.unicode && around.out_is_terminal,
        )
    }

    fn coloured(&self, is_terminal: bool) -> bool {
        match self.colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => is_terminal && !self.surroundings.no_colour,
        }
    }

    /// Is what goes to standard error coloured? The log goes there too.
    pub fn colours_errors(&self) -> bool {
        self.coloured(self.surroundings.err_is_terminal)
    }

    /// Should progress be shown? Only to a person who looks, and did not ask for quiet.
    pub fn shows_progress(&self) -> bool {
        self.surroundings.err_is_terminal && !self.quiet
    }

    /// Clap's text as standard output (or error) can show it.
    pub fn rendered(&self, text: &clap::builder::StyledStr, to_out: bool) -> String {
        let terminal = if to_out {
            self.surroundings.out_is_terminal
        } else {
            self.surroundings.err_is_terminal
        };
        if self.coloured(terminal) {
            text.ansi().to_string()
        } else {
            text.to_string()
        }
    }

    /// Writes to standard output. A reader who has gone away (`| head`) is no problem: the answer
    /// stands, and nobody wants the rest.
    pub fn print(&mut self, text: &str) -> Result<(), Problem> {
        let written = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Problem::unwritable("standard output", &error))
            }
            _ => Ok(()),
        }
    }

    /// Writes to the file, whole or not at all; to standard output for none and for `-`.
    pub fn deliver(&mut self, text: &str, to: Option<&Path>) -> Result<(), Problem> {
        match to {
            Some(path) if path != Path::new("-") => {
                write_whole(path, text.as_bytes())?;
                self.remark(&format!("Written to {}\n", path.display()));
                Ok(())
            }
            _ => self.print(text),
        }
    }

    /// Says something beside the answer, on standard error, unless quiet was asked for.
    pub fn remark(&mut self, text: &str) {
        if !self.quiet {
            self.mutter(text);
        }
    }

    /// Writes to standard error. Nobody can be told when that fails.
    pub fn mutter(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
        let _ = self.err.flush();
    }

    /// Tells what cannot be done.
    pub fn complain(&mut self, problem: &Problem) {
        let terminal = self.surroundings.err_is_terminal;
        let width = self.surroundings.width.filter(|_| terminal).unwrap_or(100);
        let pencil = Pencil::new(width, self.coloured(terminal), false);
        let text = [
            pencil.paragraph(
                "",
                8,
                &[
                    (Tone::Bad, "error:".into()),
                    (Tone::Plain, problem.what.clone()),
                ],
            ),
            pencil.paragraph("  where: ", 9, &[(Tone::Plain, problem.place.clone())]),
            pencil.paragraph("  to do: ", 9, &[(Tone::Plain, problem.remedy.clone())]),
        ]
        .concat();
        self.mutter(&text);
    }
}

/// Writes beside the file and renames, so that a reader finds the old file or the new, never half.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let refused = |error: std::io::Error| Problem::unwritable(path.display().to_string(), &error);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".midwatch-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As open as the umask lets any new file be; temporary files are private otherwise.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut beside = builder.tempfile_in(folder).map_err(refused)?;
    beside.write_all(bytes).map_err(refused)?;
    beside.as_file().sync_all().map_err(refused)?;
    beside
        .persist(path)
        .map(|_| ())
        .map_err(|error| refused(error.error))
}
