//! The spaces of a house: `main`, which its own file describes, and those that the file names beside it.
//!
//! Each is a [`House`] with a configuration and a data folder of its own, so that what one holds the other cannot
//! even name. What could be had twice by mistake, a folder or an address, is refused for the later of the two: `main`
//! comes first, the others by name, and no team's file can stop another team.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};

use model::people::EVERYWHERE;

use super::house::House;
use crate::config::{MAIN, Space, Written};
use crate::problem::Problem;

/// A space with its name: as configured, or why it cannot be.
pub type Named = (String, Result<House, Problem>);

impl House {
    /// The names of all spaces, `main` first.
    pub fn names(&self) -> Vec<String> {
        let others = self.config().spaces.keys().cloned();
        [MAIN.to_string()].into_iter().chain(others).collect()
    }

    /// One space of this house.
    ///
    /// # Errors
    /// If there is none of that name, or its configuration cannot be used.
    pub fn within(&self, name: &str) -> Result<Self, Problem> {
        if name == self.space {
            return Ok(self.clone());
        }
        let found = self.others().into_iter().find(|(other, _)| other == name);
        found.map_or_else(|| Err(self.unknown(name)), |(_, space)| space)
    }

    /// Refuses a name that is neither a space's nor stands for all of them.
    pub fn knows(&self, name: &str) -> Result<(), Problem> {
        if name == EVERYWHERE || self.names().iter().any(|known| known == name) {
            return Ok(());
        }
        Err(self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Problem {
        let names = self.names();
        let near = watch::detect::nearest(name, names.iter().map(String::as_str));
        let list = names.join(", ");
        Problem::bad_input(
            format!("there is no space {name:?}"),
            self.file_name(),
            near.map_or_else(
                || format!("it has {list}"),
                |near| format!("did you mean {near:?}? It has {list}"),
            ),
        )
    }

    /// The spaces beside `main`, by name.
    pub fn others(&self) -> Vec<Named> {
        let mut taken = vec![Taken::by(self)];
        let spaces = self.config().spaces.iter();
        spaces
            .map(|(name, space)| {
                let house = self.beside(name, space).and_then(|house| {
                    let own = Taken::by(&house);
                    own.apart_from(&taken)?;
                    taken.push(own);
                    Ok(house)
                });
                (name.clone(), house)
            })
            .collect()
    }

    fn beside(&self, name: &str, space: &Space) -> Result<Self, Problem> {
        let (written, named) = Written::of_space(&self.path(&space.config))?;
        let data = if named {
            written.path(&written.config.store.path)
        } else {
            self.data.join(SPACES).join(name)
        };
        Ok(Self {
            written,
            data,
            space: name.to_string(),
            listens: self.listens,
        })
    }

    fn file_name(&self) -> String {
        self.file().map_or("the configuration".to_string(), |file| {
            file.display().to_string()
        })
    }
}

/// The folder in the house's data folder where spaces keep what is theirs, unless they name another.
const SPACES: &str = "spaces";

/// What a space takes for itself.
struct Taken {
    space: String,
    file: String,
    folder: PathBuf,
    addresses: Vec<(&'static str, SocketAddr)>,
}

impl Taken {
    fn by(house: &House) -> Self {
        let config = house.config();
        let mut addresses = vec![
            ("telemetry.grpc", config.telemetry.grpc),
            ("telemetry.http", config.telemetry.http),
        ];
        addresses.extend(config.server.listen.map(|listen| ("server.listen", listen)));
        Self {
            space: house.space.clone(),
            file: house.file_name(),
            folder: real(&house.data),
            addresses,
        }
    }

    /// Refuses what another has taken already.
    fn apart_from(&self, others: &[Self]) -> Result<(), Problem> {
        for other in others {
            if overlap(&self.folder, &other.folder) {
                return Err(Problem::bad_input(
                    format!(
                        "the data folder {} of the space {} is that of the space {}, or one lies within the other",
                        self.folder.display(),
                        self.space,
                        other.space
                    ),
                    self.file.clone(),
                    "give it another store.path, or none: then it has a folder of its own below the house's",
                ));
            }
            for (key, own) in &self.addresses {
                let twice = other.addresses.iter().find(|(_, taken)| meet(own, taken));
                if let Some((of, _)) = twice {
                    return Err(Problem::bad_input(
                        format!(
                            "{key} of the space {} is {own}, which is {of} of the space {}",
                            self.space, other.space
                        ),
                        self.file.clone(),
                        format!("set {key} to another address, or to port 0 for any that is free"),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Can only one listen at both?
fn meet(one: &SocketAddr, other: &SocketAddr) -> bool {
    let (a, b) = (one.ip(), other.ip());
    one.port() != 0
        && one.port() == other.port()
        && (a == b || a.is_unspecified() || b.is_unspecified())
}

/// Are they one folder, or does one lie within the other, save where spaces lie in the house's?
fn overlap(one: &Path, other: &Path) -> bool {
    let within = |inner: &Path, outer: &Path| {
        inner
            .strip_prefix(outer)
            .is_ok_and(|rest| !(rest.components().count() == 2 && rest.starts_with(SPACES)))
    };
    within(one, other) || within(other, one)
}

/// The path without links and detours, as far as it exists; the rest as it is written.
fn real(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut missing: Vec<OsString> = Vec::new();
    let mut known = whole.clone();
    let mut found = loop {
        if let Ok(found) = known.canonicalize() {
            break found;
        }
        let Some(last) = known.components().next_back() else {
            return whole;
        };
        missing.push(last.as_os_str().to_os_string());
        if !known.pop() {
            return whole;
        }
    };
    for part in missing.into_iter().rev() {
        if Path::new(&part).components().next() == Some(Component::ParentDir) {
            found.pop();
        } else {
            found.push(part);
        }
    }
    found
}

#[cfg(test)]
mod tests;
