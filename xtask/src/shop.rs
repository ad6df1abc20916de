//! `cargo xtask shop`: a system that nobody here wrote the parts of, and ways to break it.
//!
//! nginx, PostgreSQL with a replica, Redis, RabbitMQ and a small shop in front of them, watched by a real Prometheus and
//! Alertmanager. What it is made of and how it breaks are data in `xtask/shop`; see the README there.

mod calm;
mod fault;
mod kept;
mod metrics;
mod peers;
mod places;
mod series;
mod system;
mod told;
mod trial;
mod watch;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use fault::Fault;
use system::Shop;

/// Carries out what the words after `cargo xtask shop` say.
pub fn run(words: &[&str]) -> anyhow::Result<bool> {
    let (words, state) = state(words)?;
    let shop = Shop::at(&state)?;
    match words.as_slice() {
        ["up"] => {
            shop.up()?;
            println!(
                "the shop: http://127.0.10.10:8080/  Prometheus: {}  Alertmanager: http://127.0.10.30:9093\n\
                 Midwatch may be started with --config {}/etc/midwatch.toml",
                shop.prometheus,
                shop.state.display()
            );
        }
        ["down"] => shop.down()?,
        ["list"] => {
            for fault in Fault::all()? {
                println!("{:<26} {}", fault.name, fault.title);
            }
        }
        ["break", name] => {
            ensure!(shop.is_up(), "no shop is up");
            Fault::named(name)?.strike(&shop)?;
        }
        ["mend", name] => {
            ensure!(shop.is_up(), "no shop is up");
            Fault::named(name)?.mend(&shop)?;
        }
        ["see", rest @ ..] => return trial::see(&shop, rest),
        ["run", rest @ ..] => return trial::run(&shop, rest),
        ["calm", rest @ ..] => return calm::run(&shop, rest),
        ["peers", rest @ ..] => return peers::run(rest),
        ["write"] => {
            told::write()?;
            places::write()?;
        }
        other => bail!(
            "no such word: {}; up, down, list, break NAME, mend NAME, see [NAME...], run [NAME...], calm --calm SECONDS, peers --kept DIR, write",
            other.join(" ")
        ),
    }
    Ok(true)
}

/// The words without `--folder DIR`, and that folder.
fn state<'a>(words: &[&'a str]) -> anyhow::Result<(Vec<&'a str>, PathBuf)> {
    let mut rest = Vec::new();
    let mut state = std::env::temp_dir().join("midwatch-shop");
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--folder" => {
                state = PathBuf::from(words.next().context("--folder needs a value")?);
                ensure!(state.is_absolute(), "--folder wants an absolute path");
            }
            other => rest.push(other),
        }
    }
    Ok((rest, state))
}

/// A TOML file as a JSON value.
fn read(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let table: toml::Table = toml::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(serde_json::to_value(table)?)
}
