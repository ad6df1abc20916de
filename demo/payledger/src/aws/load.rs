//! Steady clients of the front: they pay, list and look at balances.

use std::time::Duration;

use aws_smithy_types::Blob;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Said;
use super::cloud::{Cloud, Place};
use super::system::FRONT;
use crate::chance;
use crate::failure::Failure;

/// Requests on their way at once; beyond it the clients hold back.
const AT_ONCE: usize = 32;
/// Accounts that are used.
const ACCOUNTS: u64 = 8;

/// What came of the requests.
#[derive(Default)]
struct Tally {
    requests: u64,
    failures: u64,
    acknowledged: u64,
    /// One refusal, for whoever wonders.
    said: Option<String>,
}

/// The request of that number: of ten, six pay, two list and two look at a balance, well mixed.
fn request(run: &str, number: u64) -> Value {
    let account = format!("account-{}", number % ACCOUNTS);
    match number % 10 {
        1 | 6 => {
            json!({"method": "GET", "path": "/transactions", "body": {"account": account, "limit": 10}})
        }
        2 | 7 => json!({"method": "GET", "path": "/balance", "body": {"account": account}}),
        _ => json!({"method": "POST", "path": "/transaction", "body": {
            "key": format!("{run}-{number}"), "account": account, "amount": 100 + (number % 900),
            "description": "load",
        }}),
    }
}

/// Sends one; why it was not served, if it was not.
async fn one(
    lambda: aws_sdk_lambda::Client,
    front: String,
    request: Value,
) -> (bool, Result<(), String>) {
    let pays = request["method"] == "POST";
    let sent = lambda
        .invoke()
        .function_name(front)
        .payload(Blob::new(request.to_string()))
        .send()
        .await;
    let said = match sent {
        Err(error) => Err(super::cloud::failed("the front", &error).to_string()),
        Ok(answer) => {
            let payload = answer.payload().map(|blob| blob.as_ref().to_vec());
            let body: Value =
                serde_json::from_slice(&payload.unwrap_or_default()).unwrap_or(Value::Null);
            match body["statusCode"].as_u64() {
                Some(200) => Ok(()),
                _ => Err(body.to_string()),
            }
        }
    };
    (pays, said)
}

fn take(tally: &mut Tally, done: (bool, Result<(), String>)) {
    tally.requests += 1;
    match done {
        (pays, Ok(())) => tally.acknowledged += u64::from(pays),
        (_, Err(why)) => {
            tally.failures += 1;
            tally.said.get_or_insert(why);
        }
    }
}

/// Sends so many requests a second to the primary region, until it is time or somebody ends it.
pub(super) async fn send(cloud: &Cloud, rate: f64, seconds: Option<f64>) -> Result<Said, Failure> {
    if !(rate > 0.0 && rate <= 100.0) {
        return Err(Failure::new(format!(
            "--rate: {rate} is out of range; expected more than 0, up to 100"
        )));
    }
    let longest = Duration::try_from_secs_f64(seconds.unwrap_or(1e9))
        .map_err(|_| Failure::new("--seconds: expected a number of seconds, 0 or more"))?;
    let place: &Place = cloud.primary()?;
    let front = cloud.named(FRONT);
    let run = chance::hex::<6>();
    let mut tally = Tally::default();
    let mut under_way = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let ending = crate::process::ended();
    let end = tokio::time::sleep(longest);
    tokio::pin!(ending, end);
    let mut number = 0;
    loop {
        tokio::select! {
            biased;
            () = &mut ending => break,
            () = &mut end => break,
            Some(done) = under_way.join_next() => {
                if let Ok(done) = done {
                    take(&mut tally, done);
                }
            }
            _ = ticks.tick(), if under_way.len() < AT_ONCE => {
                under_way.spawn(one(place.lambda.clone(), front.clone(), request(&run, number)));
                number += 1;
            }
        }
    }
    while let Some(done) = under_way.join_next().await {
        if let Ok(done) = done {
            take(&mut tally, done);
        }
    }
    let mut text = format!(
        "{} requests, {} failed; {} transactions acknowledged",
        tally.requests, tally.failures, tally.acknowledged
    );
    if let Some(said) = &tally.said {
        text += &format!("\n  the first refusal: {said}");
    }
    let value = json!({
        "requests": tally.requests, "failures": tally.failures, "acknowledged": tally.acknowledged,
        "first_refusal": tally.said,
    });
    Ok(Said::done(text, value))
}
