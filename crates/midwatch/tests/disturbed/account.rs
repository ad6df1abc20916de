//! Another scene: an account of AWS, and what happened there. `checkout` calls `reserve`, which writes to the table
//! `stock`; `mail` goes its own way. Somebody let no copy of `reserve` run any more, and `checkout` fails since. Shortly before,
//! and shortly after, `checkout` itself was altered, which did nothing.

use model::Timestamp;
use model::time::{MINUTE, SECOND};
use serde_json::{Value, json};

/// How long ago it began, and how long after that CloudWatch said so.
const BEGAN: i64 = 13 * MINUTE;
const NOTICED: i64 = 3 * MINUTE;
/// How far back anything is known.
const KNOWN: i64 = 200 * MINUTE;

pub struct Account {
    pub now: i64,
    /// When the limit was set.
    pub began: i64,
    /// When the alarm fired.
    pub alarmed: Timestamp,
    /// In the order of time.
    pub lines: Vec<Line>,
    /// As CloudTrail tells them, the newest first.
    pub calls: Vec<Call>,
}

/// A line of a function's log.
pub struct Line {
    pub at: i64,
    pub function: &'static str,
    pub text: String,
}

/// A call that altered something.
pub struct Call {
    pub at: i64,
    pub id: &'static str,
    pub name: &'static str,
    pub who: &'static str,
    pub function: &'static str,
    pub given: Value,
}

/// A metric that CloudWatch lists.
pub struct Metric {
    pub namespace: &'static str,
    pub name: &'static str,
    /// The name and the value of its only dimension.
    pub of: (&'static str, &'static str),
}

/// What CloudWatch lists.
pub const METRICS: [Metric; 14] = [
    metric("Invocations", "checkout"),
    metric("Errors", "checkout"),
    metric("Throttles", "checkout"),
    metric("Duration", "checkout"),
    metric("Invocations", "reserve"),
    metric("Errors", "reserve"),
    metric("Throttles", "reserve"),
    metric("Duration", "reserve"),
    metric("Invocations", "mail"),
    metric("Errors", "mail"),
    metric("Throttles", "mail"),
    metric("Duration", "mail"),
    Metric {
        namespace: "AWS/DynamoDB",
        name: "ConsumedWriteCapacityUnits",
        of: ("TableName", "stock"),
    },
    Metric {
        namespace: "AWS/DynamoDB",
        name: "SuccessfulRequestLatency",
        of: ("TableName", "stock"),
    },
];

/// Of a function.
const fn metric(name: &'static str, function: &'static str) -> Metric {
    Metric {
        namespace: "AWS/Lambda",
        name,
        of: ("FunctionName", function),
    }
}

/// How a function is set.
pub fn function(name: &str) -> Value {
    let variables = match name {
        "checkout" => json!({"RESERVE": "reserve"}),
        "reserve" => json!({"STOCK": "stock"}),
        _ => json!({"STAGE": "live"}),
    };
    json!({
        "FunctionName": name, "FunctionArn": format!("arn:aws:lambda:eu-west-1:111111111111:function:{name}"),
        "Runtime": "nodejs22.x", "Handler": "index.handler", "Timeout": 10, "MemorySize": 256, "Version": "$LATEST",
        "Role": format!("arn:aws:iam::111111111111:role/{name}-runs"), "Environment": {"Variables": variables},
    })
}

impl Account {
    /// As if it were now that moment.
    pub fn at(now: i64) -> Self {
        let minute = now.div_euclid(MINUTE) * MINUTE;
        let began = minute - BEGAN;
        let mut account = Self {
            now,
            began,
            alarmed: Timestamp(began + NOTICED),
            lines: Vec::new(),
            calls: calls(began),
        };
        let minutes = (0..=KNOWN / MINUTE).map(|ago| minute - KNOWN + ago * MINUTE);
        for minute in minutes {
            account.minute(minute);
        }
        account.lines.retain(|line| line.at <= now);
        account.lines.sort_by_key(|line| line.at);
        account
    }

    /// The lines of one minute.
    fn minute(&mut self, minute: i64) {
        let mut say = |second: i64, function: &'static str, text: &str| {
            let at = minute + second * SECOND;
            let text = text.to_string();
            self.lines.push(Line { at, function, text });
        };
        say(5, "mail", "INFO order confirmation sent");
        if minute < self.began {
            say(10, "checkout", "INFO order placed");
            say(11, "reserve", "INFO stock reserved");
            return;
        }
        for second in [10, 25, 40, 55] {
            say(
                second,
                "checkout",
                "ERROR cannot reserve stock: TooManyRequestsException: Rate Exceeded. Reason: ReservedFunctionConcurrentInvocationLimitExceeded, function: reserve",
            );
        }
    }

    /// What CloudWatch has of a metric for the minute that begins then; nothing where nothing ran.
    pub fn value(&self, metric: &Metric, statistic: &str, minute: i64) -> Option<f64> {
        let broken = minute >= self.began;
        // No minute is quite like the one before.
        let turn = (minute / MINUTE).rem_euclid(7) as f64;
        let runs = !broken || !["reserve", "stock"].contains(&metric.of.1);
        let calls = match metric.of.1 {
            "mail" => 20.0 + turn,
            _ => 60.0 + turn,
        };
        match metric.name {
            "Throttles" if metric.of.1 == "reserve" => Some(if broken { 3.0 * calls } else { 0.0 }),
            _ if !runs => None,
            "Throttles" => Some(0.0),
            "Errors" => Some(match metric.of.1 == "checkout" && broken {
                true => calls,
                false => 0.0,
            }),
            "Duration" => {
                let ms = match metric.of.1 {
                    "checkout" => 120.0,
                    "reserve" => 45.0,
                    _ => 80.0,
                };
                Some((ms + turn) * if statistic == "p99" { 2.0 } else { 1.0 })
            }
            "SuccessfulRequestLatency" => {
                Some((4.0 + turn / 10.0) * if statistic == "p99" { 2.0 } else { 1.0 })
            }
            _ => Some(calls),
        }
    }
}

fn calls(began: i64) -> Vec<Call> {
    vec![
        Call {
            at: began + 70 * SECOND,
            id: "a84e6d19-5c02-4f7b-9d6e-31b0c5f2a7e8",
            name: "UpdateFunctionConfiguration20150331v2",
            who: "bela",
            function: "checkout",
            given: json!({"functionName": "checkout", "description": "places orders"}),
        },
        Call {
            at: began - 20 * SECOND,
            id: CULPRIT,
            name: "PutFunctionConcurrency20171031",
            who: "anna",
            function: "reserve",
            given: json!({"functionName": "reserve", "reservedConcurrentExecutions": 0}),
        },
        Call {
            at: began - 4 * MINUTE,
            id: "0d9c3b57-8e61-4a2f-b7c4-96e1f3a5d208",
            name: "UpdateFunctionConfiguration20150331v2",
            who: "bela",
            function: "checkout",
            given: json!({"functionName": "checkout", "memorySize": 256}),
        },
    ]
}

/// The call that did it.
const CULPRIT: &str = "5e1f0a2c-7b94-4d83-a6f1-c20e9b7d4a35";
