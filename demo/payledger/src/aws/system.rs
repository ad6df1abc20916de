//! What is set up, as data: the one description that `deploy` makes true and `status` holds what stands against.

/// A function.
pub(super) struct Function {
    /// Its name behind the system's.
    pub name: &'static str,
    /// Where it begins in the code.
    pub handler: &'static str,
    /// The role it acts under, behind the system's name.
    pub role: &'static str,
    /// Its variables: name, and the part of the system that the value names.
    pub variables: &'static [(&'static str, &'static str)],
}

/// The name of the table, behind the system's.
pub(super) const TABLE: &str = "ledger";
/// The code of all functions.
pub(super) const CODE: &str = include_str!("../../aws/ledger.py");
/// The file that the code is in.
pub(super) const FILE: &str = "ledger.py";
/// Seconds that a function may take. The front waits for the others.
pub(super) const TIMEOUT: i32 = 15;
/// Whom alarms speak to: the name of the topic and of the queue, behind the system's.
pub(super) const ALARMS: &str = "alarms";
/// The function that clients call.
pub(super) const FRONT: &str = "api";

const LEDGER: &[(&str, &str)] = &[("LEDGER_TABLE", TABLE)];

pub(super) const FUNCTIONS: [Function; 5] = [
    function(
        "createTransaction",
        "ledger.create_transaction",
        "ledger-writer",
        LEDGER,
    ),
    function(
        "listTransactions",
        "ledger.list_transactions",
        "ledger-reader",
        LEDGER,
    ),
    function("getBalance", "ledger.get_balance", "ledger-reader", LEDGER),
    function("health", "ledger.health", "ledger-reader", LEDGER),
    function(
        FRONT,
        "ledger.api",
        "front",
        &[
            ("CREATE_TRANSACTION", "createTransaction"),
            ("LIST_TRANSACTIONS", "listTransactions"),
            ("GET_BALANCE", "getBalance"),
            ("HEALTH", "health"),
        ],
    ),
];

const fn function(
    name: &'static str,
    handler: &'static str,
    role: &'static str,
    variables: &'static [(&'static str, &'static str)],
) -> Function {
    Function {
        name,
        handler,
        role,
        variables,
    }
}

/// A role.
pub(super) struct Role {
    /// Its name behind the system's.
    pub name: &'static str,
    /// What it may do, beyond writing its own log.
    pub may: &'static [&'static str],
}

/// `statement-mailer` is that of somebody else, who has no business with the ledger.
pub(super) const ROLES: [Role; 4] = [
    Role {
        name: "ledger-writer",
        may: &["dynamodb:PutItem"],
    },
    Role {
        name: "ledger-reader",
        may: &["dynamodb:GetItem", "dynamodb:Query"],
    },
    Role {
        name: "front",
        may: &["lambda:InvokeFunction", "cloudwatch:PutMetricData"],
    },
    Role {
        name: "statement-mailer",
        may: &["ses:SendEmail"],
    },
];

/// An alarm on a number of the front's.
pub(super) struct Alarm {
    /// Its name behind the system's.
    pub name: &'static str,
    pub metric: &'static str,
    /// Of one minute.
    pub statistic: &'static str,
    pub threshold: f64,
}

/// What the front counts is in this namespace.
pub(super) const NAMESPACE: &str = "PayLedger";

pub(super) const WATCHED: [Alarm; 2] = [
    Alarm {
        name: "requests-fail",
        metric: "FailedRequests",
        statistic: "Sum",
        threshold: 10.0,
    },
    Alarm {
        name: "requests-are-slow",
        metric: "RequestDuration",
        statistic: "Average",
        threshold: 5_000.0,
    },
];
