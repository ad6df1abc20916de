//! What tests need that others make: used where it is installed, else brought by name from where its makers publish it,
//! into folders of this project alone. Nothing is installed on the machine, and no rights of another user are needed.
//!
//! Where it cannot be brought (no network, another system, `MIDWATCH_OFFLINE` is set), the step that needs it is passed
//! over, and says why.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::house::{House, root};

/// Folders in which Debian's packages keep programs.
const PROGRAMS: [&str; 2] = ["usr/bin", "usr/sbin"];

/// The `PATH` on which all of these programs are found; each is named with the word by which it says its version. A
/// program that is not there is brought by the Debian package of its name.
///
/// # Errors
/// Why one of them is not there.
pub fn debian(programs: &[(&str, &str)]) -> Result<OsString, String> {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    for (program, version) in programs {
        if starts(Path::new(program), version, &path) {
            continue;
        }
        let unpacked = vendors()?.join("debian").join(program);
        let folders = PROGRAMS.map(|folder| unpacked.join(folder));
        let there = |path: &OsString| starts(Path::new(program), version, path);
        let before = before(&folders, &path);
        if !there(&before) {
            unpack(program, &unpacked)?;
        }
        if !there(&before) {
            return Err(format!(
                "{program} does not start: it needs what Debian's package of that name depends on; install it"
            ));
        }
        path = before;
    }
    Ok(path)
}

/// Sees to it that a folder with a `package-lock.json` has its modules.
///
/// # Errors
/// Why it has not.
pub fn npm(folder: &Path) -> Result<(), String> {
    if folder.join("node_modules/.package-lock.json").exists() {
        return Ok(());
    }
    let shown = folder.strip_prefix(root()).unwrap_or(folder).display();
    let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    brought(
        &format!("npm ci in {shown}"),
        Command::new("npm").args(words).current_dir(folder),
    )
}

/// A program of the name of its package of PyPI, in an environment of its own.
///
/// # Errors
/// Why it is not there.
pub fn pypi(package: &str, version: &str) -> Result<PathBuf, String> {
    pypi_with(&format!("{package}=={version}"), &[], package)
}

/// A program of a package of PyPI (`moto[server]==5.2.5`) with others beside it that it needs and does not name, in an
/// environment of its own.
///
/// # Errors
/// Why it is not there.
pub fn pypi_with(package: &str, beside: &[&str], program: &str) -> Result<PathBuf, String> {
    let named: String = package
        .chars()
        .map(|c| if "[],".contains(c) { '-' } else { c })
        .collect();
    let folder = vendors()?.join("pypi").join(named.replace("==", "-"));
    let program = folder.join("bin").join(program);
    if !program.exists() {
        let mut words = vec![OsStr::new(package)];
        words.extend(beside.iter().map(OsStr::new));
        environment(&folder, package, &words)?;
    }
    Ok(program)
}

/// The models of its services that AWS builds its clients from: a folder for each, as `botocore` has them.
///
/// # Errors
/// Why they are not there.
pub fn models_of_aws() -> Result<PathBuf, String> {
    let package = "botocore==1.44.5";
    let folder = vendors()?.join("pypi").join(package.replace("==", "-"));
    let found = || {
        // `lib/python3.12/site-packages/…`
        let versions = fs::read_dir(folder.join("lib")).ok()?.flatten();
        let mut data = versions.map(|python| python.path().join("site-packages/botocore/data"));
        data.find(|data| data.exists())
    };
    if found().is_none() {
        environment(&folder, package, &[OsStr::new(package)])?;
    }
    found().ok_or_else(|| format!("{}: there are no models in {package}", folder.display()))
}

/// Makes an environment of Python anew, with what these words of pip name.
fn environment(folder: &Path, what: &str, words: &[&OsStr]) -> Result<(), String> {
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(folder);
    brought("python3 -m venv", &mut venv)?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]);
    brought(&format!("pip install {what}"), pip.args(words))
}

/// The Python of an environment with what a `requirements.txt` lists; made anew when the list is another one.
///
/// # Errors
/// Why it is not there.
pub fn requirements(name: &str, list: &Path) -> Result<PathBuf, String> {
    let io = |file: &Path| {
        let shown = file.display().to_string();
        move |error: std::io::Error| format!("{shown}: {error}")
    };
    let wanted = fs::read_to_string(list).map_err(io(list))?;
    let folder = vendors()?.join("pypi").join(name);
    let brought_last = folder.join("requirements.txt");
    let python = folder.join("bin/python");
    let there = python.exists() && fs::read_to_string(&brought_last).ok().as_ref() == Some(&wanted);
    if !there {
        let words = [OsStr::new("--requirement"), list.as_os_str()];
        environment(&folder, name, &words)?;
        fs::write(&brought_last, wanted).map_err(io(&brought_last))?;
    }
    Ok(python)
}

/// Where everything is kept that was brought.
fn vendors() -> Result<PathBuf, String> {
    let house = House::survey().map_err(|error| format!("{error:#}"))?;
    Ok(house.target.join("vendors"))
}

/// Brings Debian's package of that name, and takes it apart.
fn unpack(package: &str, to: &Path) -> Result<(), String> {
    let io = |error: std::io::Error| format!("{}: {error}", to.display());
    fs::create_dir_all(to).map_err(io)?;
    brought(
        &format!("apt-get download {package}"),
        Command::new("apt-get")
            .args(["download", "--quiet", package])
            .current_dir(to),
    )?;
    for entry in fs::read_dir(to).map_err(io)? {
        let file = entry.map_err(io)?.path();
        if file.extension().is_some_and(|ending| ending == "deb") {
            let mut taken = Command::new("dpkg");
            taken.arg("--extract").arg(&file).arg(to);
            brought(&format!("dpkg --extract {package}"), &mut taken)?;
            fs::remove_file(&file).map_err(io)?;
        }
    }
    Ok(())
}

/// Runs what brings something; what it said, if it failed.
fn brought(what: &str, command: &mut Command) -> Result<(), String> {
    if std::env::var_os("MIDWATCH_OFFLINE").is_some() {
        return Err(format!(
            "it is not installed ({what}), and MIDWATCH_OFFLINE is set"
        ));
    }
    println!("-- {what}");
    let output = command
        .output()
        .map_err(|error| format!("it is not installed, and {what} cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    Err(format!(
        "it is not installed, and {what} failed: {}",
        last.unwrap_or("it said nothing")
    ))
}

fn before(folders: &[PathBuf], path: &OsString) -> OsString {
    let all = folders.iter().cloned().chain(std::env::split_paths(path));
    std::env::join_paths(all).unwrap_or_else(|_| path.clone())
}

fn starts(program: &Path, version: &str, path: &OsString) -> bool {
    let started = Command::new(program)
        .arg(version)
        .env("PATH", path)
        .output();
    started.is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "asks Debian's archive and PyPI"]
    fn programs_that_are_not_there_are_brought() {
        let path = debian(&[("nginx", "-v"), ("prometheus", "--version")]).unwrap();
        assert!(starts(Path::new("prometheus"), "--version", &path));
        let tool = pypi("schemathesis", "4.32.5").unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        assert!(starts(&tool, "--version", &path));
        let none = debian(&[("no-such-program-at-all", "--version")]);
        assert!(none.unwrap_err().contains("apt-get download"));
    }

    #[test]
    fn a_program_that_is_there_is_not_brought() {
        let path = std::env::var_os("PATH").unwrap_or_default();
        assert_eq!(debian(&[("env", "--version")]), Ok(path.clone()));
        let folder = PathBuf::from("/somewhere/usr/bin");
        let with = before(std::slice::from_ref(&folder), &path);
        assert_eq!(std::env::split_paths(&with).next(), Some(folder));
    }
}
