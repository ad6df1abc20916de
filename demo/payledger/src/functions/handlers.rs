//! What the four functions do.

use axum::http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Crash, Function, Host};
use crate::config::{FunctionConfig, RegionConfig};
use crate::hop::{Ask, HopError};
use crate::names::{EntityName, TABLE};
use crate::signing::Caller;
use crate::telemetry::Work;

/// Records on one page of the list.
const PAGE: usize = 100;

/// What the code of a function does when it is loaded, before any request: it reads its environment.
pub(super) fn load(function: &str, settings: &FunctionConfig) -> Result<(), Crash> {
    let needed: &[(&str, u32)] = match function {
        "createTransaction" => &[("LEDGER_TABLE", 9), ("PAYMENTS_URL", 10), ("CURRENCY", 11)],
        _ => &[("LEDGER_TABLE", 9)],
    };
    for (name, line) in needed {
        if !settings.environment.contains_key(*name) {
            let mut crash = Crash::new("KeyError", format!("'{name}'"));
            crash.fatal = true;
            crash = crash.at(
                *line,
                "<module>",
                format!("{} = os.environ[\"{name}\"]", name.to_lowercase()),
            );
            let frozen = (
                "<frozen os>",
                685,
                "__getitem__",
                "raise KeyError(key) from None".to_owned(),
            );
            crash.trace.push(frozen);
            return Err(crash);
        }
    }
    Ok(())
}

/// One run of a function.
pub(super) struct Call<'a> {
    pub host: &'a Host,
    pub function: &'a Function,
    pub settings: &'a FunctionConfig,
    pub config: &'a RegionConfig,
    pub work: &'a Work,
    pub event: &'a Value,
}

type Outcome = Result<(u16, Value), Crash>;

impl Call<'_> {
    pub async fn handle(&self) -> Outcome {
        match self.function.name {
            "createTransaction" => self.create().await,
            "listTransactions" => self.list().await,
            "getBalance" => self.balance().await,
            _ => self.health().await,
        }
    }

    fn dry_run(&self) -> bool {
        self.event["dryRun"] == true
    }

    async fn create(&self) -> Outcome {
        let dry = self.dry_run();
        let fallback = json!({"account": "health-check", "amount": 1});
        let body = if dry { &fallback } else { &self.event["body"] };
        let (Some(account), Some(amount)) = (body["account"].as_str(), body["amount"].as_i64())
        else {
            return Ok((
                400,
                json!({"message": "expected {\"account\": text, \"amount\": whole number of minor units, \"description\": text}"}),
            ));
        };
        if amount == 0
            || amount.unsigned_abs() > 100_000_000
            || account.is_empty()
            || account.len() > 64
        {
            return Ok((
                400,
                json!({"message": "amount must be from 1 to 100000000 or its negative, account 1 to 64 characters"}),
            ));
        }
        // One key, one transaction, in whichever region it is tried: the id follows from the key.
        let key = self.event["idempotencyKey"].as_str().unwrap_or("");
        let key = if key.is_empty() {
            crate::chance::uuid()
        } else {
            key.to_owned()
        };
        let digest = Sha256::digest(key.as_bytes());
        let id = format!(
            "tx-{}",
            crate::chance::to_hex(digest.get(..12).unwrap_or_default())
        );
        self.authorise(&id, amount, dry).await?;
        let fields = json!({
            "account": account,
            "amount": amount,
            "currency": self.settings.environment.get("CURRENCY"),
            "description": body["description"].as_str().unwrap_or(""),
            "idempotencyKey": key,
        });
        let stored = self
            .table(json!({"action": "PutItem", "id": id, "fields": fields, "dry_run": dry}))
            .await
            .map_err(|crash| {
                crash.at(39, "handler", "ledger.put(transaction)").at(
                    22,
                    "put",
                    "self.table.put_item(Item=item)",
                )
            })?;
        if dry {
            return Ok((200, json!({"dryRun": true})));
        }
        let created = stored["created"] == true;
        if created {
            let text = if self.settings.version == "42" {
                format!("transaction {id} recorded for account {account}")
            } else {
                format!("transaction {id} recorded")
            };
            self.function.telemetry.info(text, &[], Some(self.work));
        }
        let status = if created { 201 } else { 200 };
        Ok((status, public(&stored["item"])))
    }

    /// Asks the payment provider; of a dry run, whether it can be asked.
    async fn authorise(&self, id: &str, amount: i64, dry: bool) -> Result<(), Crash> {
        let payments = &self.config.payments;
        let broken = |message: String| Crash::new("PaymentProviderError", message);
        let hop = self
            .host
            .payments
            .hop(payments)
            .map_err(|failure| broken(failure.to_string()))?;
        let peer = EntityName::provider();
        let path = if dry {
            "/v1/status"
        } else {
            "/v1/authorisations"
        };
        let url = self.host.payments.url(payments, path);
        let mut ask = Ask::get(&peer, url, path);
        if !dry {
            ask.method = axum::http::Method::POST;
            ask.body = Some(json!({"reference": id, "amount": amount}));
            ask.headers = vec![("idempotency-key", id.to_owned())];
        }
        let meters = &self.function.meters;
        meters.provider_requests.add(1, &[]);
        let shown = format!("https://{}{path}", crate::names::PROVIDER_HOST);
        let outcome = hop.ask(&self.function.telemetry, self.work, ask).await;
        let place = |crash: Crash| {
            crash.at(38, "handler", "authorise(transaction)").at(
                54,
                "authorise",
                "response = session.post(PAYMENTS_URL, json=payload, timeout=2)",
            )
        };
        match outcome {
            Ok(reply) if reply.ok() => Ok(()),
            Ok(reply) => {
                meters.provider_errors.add(1, &[]);
                Err(place(broken(format!(
                    "payment provider {shown} returned {}",
                    reply.status
                ))))
            }
            Err(error) => {
                meters.provider_errors.add(1, &[]);
                Err(place(unreachable_provider(&shown, &error)))
            }
        }
    }

    async fn list(&self) -> Outcome {
        let limit = self.event["limit"].as_u64().map_or(PAGE, |limit| {
            usize::try_from(limit).unwrap_or(PAGE).clamp(1, 100)
        });
        let found = self
            .table(json!({"action": "Query", "index": "byTime", "limit": limit}))
            .await
            .map_err(|crash| {
                crash
                    .at(
                        13,
                        "handler",
                        "items = ledger.query(index=\"byTime\", limit=100)",
                    )
                    .at(31, "query", "return self.table.query(**arguments)")
            })?;
        let items = found["items"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            let amount = &item["fields"]["amount"];
            if !amount.is_i64() || !item["fields"]["account"].is_string() {
                let id = item["id"].as_str().unwrap_or("?");
                return Err(Crash::new(
                    "ValueError",
                    format!("cannot deserialize record {id}: malformed record: field 'amount' is {amount}, expected a whole number"),
                )
                .at(14, "handler", "return ok([item.public() for item in items])")
                .at(47, "public", "return Record.deserialize(self.raw)"));
            }
            out.push(public(item));
        }
        Ok((200, json!({"transactions": out})))
    }

    async fn balance(&self) -> Outcome {
        let found = self
            .table(json!({"action": "Query", "index": "byAccount"}))
            .await
            .map_err(|crash| {
                crash
                    .at(15, "handler", "totals = ledger.query(index=\"byAccount\")")
                    .at(31, "query", "return self.table.query(**arguments)")
            })?;
        let empty = serde_json::Map::new();
        let totals = found["totals"].as_object().unwrap_or(&empty);
        let mut balance = 0_i64;
        let mut count = 0;
        for total in totals.values() {
            // Build 24 reads what nobody writes; see artifacts/getBalance-24.diff.
            let amount = if self.settings.version == "24" {
                total["settled"]["amount"].as_i64().ok_or_else(|| {
                    Crash::new("KeyError", "'settled'")
                        .at(
                            17,
                            "handler",
                            "balance = sum(total[\"settled\"][\"amount\"] for total in totals)",
                        )
                        .at(
                            17,
                            "<genexpr>",
                            "balance = sum(total[\"settled\"][\"amount\"] for total in totals)",
                        )
                })?
            } else {
                total["amount"].as_i64().unwrap_or(0)
            };
            balance += amount;
            count += total["count"].as_u64().unwrap_or(0);
        }
        Ok((
            200,
            json!({"balance": balance, "accounts": totals.len(), "transactions": count, "region": self.host.region}),
        ))
    }

    /// Looks at every function of the region, and at the table.
    async fn health(&self) -> Outcome {
        let mut checks = serde_json::Map::new();
        let mut well = true;
        for sibling in ["createTransaction", "listTransactions", "getBalance"] {
            let said = self.check(sibling).await;
            well &= said.is_none();
            checks.insert(sibling.into(), said.unwrap_or_else(|| "ok".into()).into());
        }
        let table = self.table(json!({"action": "DescribeTable"})).await;
        well &= table.is_ok();
        let said = table.map_or_else(|crash| crash.message, |_| "ok".to_owned());
        checks.insert(TABLE.into(), said.into());
        let status = if well { 200 } else { 503 };
        Ok((
            status,
            json!({"status": if well { "ok" } else { "failing" }, "region": self.host.region, "checks": checks}),
        ))
    }

    /// What is wrong with a sibling, if something is.
    async fn check(&self, sibling: &'static str) -> Option<String> {
        let peer = EntityName::function(&self.host.region, sibling);
        let route = format!("/functions/{sibling}/invocations");
        for attempt in 0..3 {
            let url = format!("{}{route}", self.host.own);
            let ask = Ask::post(&peer, url, &route, json!({"dryRun": true, "limit": 1}));
            match self
                .host
                .hop
                .ask(&self.function.telemetry, self.work, ask)
                .await
            {
                Ok(reply) if reply.ok() => {
                    let status = reply.body["statusCode"].as_u64().unwrap_or(0);
                    return (status >= 400).then(|| format!("answered {status}"));
                }
                // A busy function has room again in a moment; one that may not run has not.
                Ok(reply) if reply.status == StatusCode::TOO_MANY_REQUESTS && attempt < 2 => {
                    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
                }
                Ok(reply) => {
                    return Some(format!("{}: {}", reply.status.as_u16(), reply.message()));
                }
                Err(error) => return Some(error.to_string()),
            }
        }
        None
    }

    /// Asks the table in the function's role.
    async fn table(&self, ask: Value) -> Result<Value, Crash> {
        let action = ask["action"].as_str().unwrap_or("?").to_owned();
        let caller = Caller {
            role: self.settings.role.clone(),
            session: self.function.name.to_owned(),
        };
        let peer = EntityName::table(&self.host.region);
        let route = format!("{action} {TABLE}");
        // The signature is over the bytes that are sent: serde_json writes the same value the same way.
        let bytes = serde_json::to_vec(&ask).unwrap_or_default();
        let signature = self
            .host
            .key
            .sign(&caller, self.host.clock.now_ms(), &bytes);
        let mut request = Ask::post(&peer, format!("{}/", self.host.table), &route, ask);
        request.headers = vec![("authorization", signature)];
        match self
            .host
            .hop
            .ask(&self.function.telemetry, self.work, request)
            .await
        {
            Ok(reply) if reply.ok() => Ok(reply.body),
            Ok(reply) => Err(Crash::new(
                "ClientError",
                format!(
                    "An error occurred ({}) when calling the {action} operation: {}",
                    reply.body["__type"]
                        .as_str()
                        .unwrap_or("InternalServerError"),
                    reply.message()
                ),
            )),
            Err(HopError::Timeout { seconds, .. }) => Err(Crash::new(
                "ReadTimeoutError",
                format!(
                    "Read timeout on endpoint {TABLE}.{}: no answer to {action} after {seconds:.1} s",
                    self.host.region
                ),
            )),
            Err(error) => Err(Crash::new(
                "EndpointConnectionError",
                format!("Could not connect to the endpoint of table {TABLE}: {error}"),
            )),
        }
    }
}

/// A record as people see it.
fn public(item: &Value) -> Value {
    let fields = &item["fields"];
    json!({
        "id": item["id"],
        "account": fields["account"],
        "amount": fields["amount"],
        "currency": fields["currency"],
        "description": fields["description"],
        "at": item["written_ms"].as_i64().map(crate::clock::rfc3339),
        "region": item["origin"],
    })
}

fn unreachable_provider(url: &str, error: &HopError) -> Crash {
    let text = error.to_string();
    let host = crate::names::PROVIDER_HOST;
    if text
        .to_ascii_lowercase()
        .replace(' ', "")
        .contains("certificateexpired")
    {
        return Crash::new(
            "SSLError",
            format!(
                "HTTPSConnectionPool(host='{host}'): {url}: [SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] ssl/tls alert: client certificate expired"
            ),
        );
    }
    match error {
        HopError::Timeout { seconds, .. } => Crash::new(
            "ReadTimeout",
            format!("payment provider {url} timed out after {seconds:.1} s"),
        ),
        _ => Crash::new(
            "ConnectionError",
            format!("payment provider {url} failed: {text}"),
        ),
    }
}
