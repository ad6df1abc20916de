//! The certificate of the API: read at the start, looked at while the server runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::ports::Clock as _;
use server::tls::{Pair, Tls};

use super::house::House;
use super::live::SystemClock;
use super::troubles::Troubles;
use crate::problem::Problem;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// What lasts is told again so often.
const AGAIN: Duration = Duration::from_secs(3_600);
/// How often it is looked whether the server ends.
const WAKE: Duration = Duration::from_millis(100);

/// What is configured; `None` where no TLS is.
///
/// # Errors
/// If certificate and key cannot be used.
pub fn open(house: &House) -> Result<Option<Tls>, Problem> {
    let Some(tls) = &house.config().server.tls else {
        return Ok(None);
    };
    let pair = Pair {
        certificate: house.path(&tls.certificate),
        key: house.path(&tls.key),
    };
    let opened = Tls::open(pair).map_err(|error| {
        Problem::bad_input(
            error.to_string(),
            "server.tls",
            "name a certificate and its key, both in PEM and readable by whoever runs midwatch",
        )
    })?;
    Ok(Some(opened))
}

/// Takes the files anew when they change, and tells of a certificate that is broken or about to end.
pub fn keep(tls: Arc<Tls>, troubles: Arc<Troubles>, over: Arc<AtomicBool>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut told: Option<(Instant, Result<(), String>)> = None;
        while !over.load(Ordering::SeqCst) {
            let now = SystemClock.now();
            let stands = tls.look().judged(now);
            // What lasts for days is not worth a line a minute.
            let known = told
                .as_ref()
                .is_some_and(|(at, known)| *known == stands && at.elapsed() < AGAIN);
            if !known {
                troubles.fares("certificate", stands.clone(), now);
                told = Some((Instant::now(), stands));
            }
            let looked = Instant::now();
            while looked.elapsed() < EVERY && !over.load(Ordering::SeqCst) {
                std::thread::sleep(WAKE);
            }
        }
    })
}
