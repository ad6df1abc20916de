//! Is every acknowledged transaction in both regions exactly once, and does the balance equal the sum?

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::clock::true_ms;
use crate::deployment::{Deployment, RegionAddresses, Settings, StateFolder};
use crate::failure::Failure;
use crate::hop::plain_client;
use crate::load::{Acknowledged, acknowledged};
use crate::signing::{Caller, SigningKey};

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Is all as it should be?
    pub clean: bool,
    /// Transactions that were acknowledged to somebody.
    pub acknowledged: usize,
    /// Acknowledged under more than one id or amount: the same transaction told twice in two ways.
    pub told_differently: Vec<String>,
    /// By region.
    pub regions: Vec<RegionFinding>,
    /// Records of which the regions hold different versions, or only one holds any.
    pub differing: Vec<String>,
}

/// What was found in one region.
#[derive(Clone, Debug, Serialize)]
pub struct RegionFinding {
    /// Its name.
    pub region: String,
    /// Records in its table.
    pub records: usize,
    /// Acknowledged and not there.
    pub missing: Vec<String>,
    /// There with another amount or account than was acknowledged.
    pub altered: Vec<String>,
    /// One idempotency key under more than one id.
    pub doubled: Vec<String>,
    /// Records whose amount cannot be read.
    pub malformed: Vec<String>,
    /// Sum of all amounts, in minor units.
    pub sum: i64,
    /// What `GET /balance` of the region says; `None` if it does not answer.
    pub balance: Option<i64>,
}

/// Looks until all is well or the time is up: replication takes its moment.
pub async fn audit(state: &StateFolder, patience: Duration) -> Result<Finding, Failure> {
    let (deployment, settings) = (state.deployment()?, state.settings()?);
    let client = plain_client(Duration::from_secs(30))?;
    let limit = Instant::now() + patience;
    loop {
        let finding = look(state, &deployment, &settings, &client).await?;
        if finding.clean || Instant::now() >= limit {
            return Ok(finding);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn look(
    state: &StateFolder,
    deployment: &Deployment,
    settings: &Settings,
    client: &reqwest::Client,
) -> Result<Finding, Failure> {
    // The acknowledged first: what is acknowledged after this may be missing from what is read next.
    let told = acknowledged(state)?;
    let mut regions = Vec::new();
    let mut held = Vec::new();
    for addresses in &deployment.regions {
        let (items, balance) = read_region(addresses, settings, client).await?;
        regions.push(judge_region(&addresses.name, &told, &items, balance));
        held.push(items);
    }
    let (told_differently, differing) = (twice(&told), differences(&held));
    let clean = told_differently.is_empty()
        && differing.is_empty()
        && regions.iter().all(|region| {
            region.missing.is_empty()
                && region.altered.is_empty()
                && region.doubled.is_empty()
                && region.malformed.is_empty()
                && region.balance == Some(region.sum)
        });
    Ok(Finding {
        clean,
        acknowledged: told
            .iter()
            .map(|told| &told.id)
            .collect::<BTreeSet<_>>()
            .len(),
        told_differently,
        regions,
        differing,
    })
}

async fn read_region(
    addresses: &RegionAddresses,
    settings: &Settings,
    client: &reqwest::Client,
) -> Result<(Vec<Value>, Option<i64>), Failure> {
    let failed = |why: String| {
        Failure::new(format!(
            "the table of {} cannot be read: {why}",
            addresses.name
        ))
    };
    // A balance that does not change between two readings of the table belongs to it.
    for _ in 0..20 {
        let before = scan(addresses, settings, client).await.map_err(failed)?;
        let balance = balance(addresses, client).await;
        let after = scan(addresses, settings, client).await.map_err(failed)?;
        if before.len() == after.len() || balance.is_none() {
            return Ok((after, balance));
        }
    }
    Err(failed("it changes faster than it can be read".into())
        .advice("stop the load, or lower its rate"))
}

async fn scan(
    addresses: &RegionAddresses,
    settings: &Settings,
    client: &reqwest::Client,
) -> Result<Vec<Value>, String> {
    let body = br#"{"action":"Scan"}"#;
    let caller = Caller {
        role: "ledger-auditor".into(),
        session: "audit".into(),
    };
    let signature = SigningKey::new(&settings.signing_key).sign(&caller, true_ms(), body);
    let reply = client
        .post(format!("{}/", addresses.table))
        .header("authorization", signature)
        .body(body.to_vec())
        .send()
        .await
        .map_err(|error| error.to_string())?;
    let mut body: Value = reply.json().await.map_err(|error| error.to_string())?;
    match body["items"].take() {
        Value::Array(items) => Ok(items),
        _ => Err(body["message"]
            .as_str()
            .unwrap_or("no records in the answer")
            .to_owned()),
    }
}

async fn balance(addresses: &RegionAddresses, client: &reqwest::Client) -> Option<i64> {
    let reply = client
        .get(format!("{}/balance", addresses.front))
        .send()
        .await
        .ok()?;
    let body: Value = reply.error_for_status().ok()?.json().await.ok()?;
    body["balance"].as_i64()
}

fn judge_region(
    region: &str,
    told: &[Acknowledged],
    items: &[Value],
    balance: Option<i64>,
) -> RegionFinding {
    let by_id: BTreeMap<&str, &Value> = items
        .iter()
        .filter_map(|item| Some((item["id"].as_str()?, &item["fields"])))
        .collect();
    let mut keys: BTreeMap<&str, usize> = BTreeMap::new();
    for fields in by_id.values() {
        if let Some(key) = fields["idempotencyKey"].as_str() {
            *keys.entry(key).or_default() += 1;
        }
    }
    let (mut missing, mut altered) = (BTreeSet::new(), BTreeSet::new());
    for told in told {
        match by_id.get(told.id.as_str()) {
            None => {
                missing.insert(told.id.clone());
            }
            Some(fields)
                if fields["amount"] != told.amount
                    || fields["account"] != told.account.as_str() =>
            {
                altered.insert(told.id.clone());
            }
            Some(_) => {}
        }
    }
    RegionFinding {
        region: region.to_owned(),
        records: items.len(),
        missing: missing.into_iter().collect(),
        altered: altered.into_iter().collect(),
        doubled: keys
            .into_iter()
            .filter(|(_, count)| *count > 1)
            .map(|(key, _)| key.to_owned())
            .collect(),
        malformed: by_id
            .iter()
            .filter(|(_, fields)| !fields["amount"].is_i64())
            .map(|(id, _)| (*id).to_owned())
            .collect(),
        sum: by_id
            .values()
            .filter_map(|fields| fields["amount"].as_i64())
            .sum(),
        balance,
    }
}

/// One id told with two amounts.
fn twice(told: &[Acknowledged]) -> Vec<String> {
    let mut amounts: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for told in told {
        amounts.entry(&told.id).or_default().insert(told.amount);
    }
    amounts
        .into_iter()
        .filter(|(_, amounts)| amounts.len() > 1)
        .map(|(id, _)| id.to_owned())
        .collect()
}

fn differences(held: &[Vec<Value>]) -> Vec<String> {
    let [one, other] = held else {
        return Vec::new();
    };
    let index = |items: &[Value]| -> BTreeMap<String, Value> {
        items
            .iter()
            .filter_map(|item| Some((item["id"].as_str()?.to_owned(), item.clone())))
            .collect()
    };
    let (one, other) = (index(one), index(other));
    let ids: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    ids.into_iter()
        .filter(|id| one.get(*id) != other.get(*id))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(id: &str, amount: i64) -> Acknowledged {
        Acknowledged {
            id: id.into(),
            amount,
            account: "a".into(),
            at: "now".into(),
        }
    }

    fn item(id: &str, amount: Value, key: &str) -> Value {
        json!({"id": id, "fields": {"amount": amount, "account": "a", "idempotencyKey": key}})
    }

    #[test]
    fn what_is_lost_altered_doubled_or_unreadable_is_named() {
        let items = [
            item("t1", json!(5), "k1"),
            item("t2", json!(6), "k2"),
            item("t3", json!(7), "k2"),
            item("t4", json!("7"), "k4"),
        ];
        let found = judge_region(
            "r",
            &[told("t1", 5), told("t2", 9), told("t9", 1)],
            &items,
            Some(18),
        );
        assert_eq!(found.missing, ["t9"]);
        assert_eq!(found.altered, ["t2"]);
        assert_eq!(found.doubled, ["k2"]);
        assert_eq!(found.malformed, ["t4"]);
        assert_eq!(found.sum, 18);
        assert_eq!(
            twice(&[told("t1", 5), told("t1", 5), told("t1", 6)]),
            ["t1"]
        );
        let other = vec![item("t1", json!(5), "k1"), item("t2", json!(7), "k2")];
        assert_eq!(differences(&[items[..2].to_vec(), other]), ["t2"]);
    }
}
