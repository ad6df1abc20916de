//! Invented incidents in which one trouble could pass for another's consequence, and is not.

use model::report::Status;
use model::{Category, ChangeKind, EdgeKind, EntityKind, Severity};

use super::stories::{Told, Truth};
use super::{END, Story, from};

/// An index is dropped on the orders' database; its copy in the other room falls behind for reasons of its own.
pub fn slow_and_behind() -> Told {
    let slow =
        "slow query: SELECT on orders by customer took 410 ms; full table scan examined 48211 rows";
    let case = Story::new("slow-and-behind", "orders are slow")
        .with(EntityKind::Service, &["storefront", "orders"])
        .with(EntityKind::Database, &["orders-db", "orders-copy"])
        .calls("storefront", &["orders"])
        .calls("orders", &["orders-db"])
        .leans("orders-copy", "orders-db", EdgeKind::ReplicatesFrom)
        .chatters("storefront")
        .chatters("orders")
        .serves("storefront", from(140, 90.0, 500.0), |_| 0.1)
        .serves("orders", from(140, 60.0, 468.0), |_| 0.1)
        .serves("orders-db", from(140, 4.0, 410.0), |_| 0.1)
        .reads("orders-copy", "query_latency_ms", "ms", |_| 4.0)
        .reads("orders-copy", "replication_lag_seconds", "s", |at| {
            if at < 140 {
                0.2
            } else {
                6.0 * (at - 139) as f64
            }
        })
        .writes("orders-db", Severity::Warn, slow, (140, END), 6)
        .change(
            ChangeKind::Config,
            "indexes-1",
            "orders-db",
            139,
            "UpdateTable orders-db",
            "@@ orders-db\n-indexes.byCustomer: present\n-indexes.byTime: present\n",
        )
        .alarm("storefront", "request_latency_ms", 143, 400.0, 500.0)
        .alarm("orders-copy", "replication_lag_seconds", 144, 20.0, 30.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![
            Truth {
                entities: &["orders-db"],
                mechanisms: &["database.slow-query"],
                category: Category::ResourceLimit,
                change: Some("indexes-1"),
            },
            Truth {
                entities: &["orders-copy"],
                mechanisms: &["database.replication-lag"],
                category: Category::ResourceLimit,
                change: None,
            },
        ],
        innocent: &[],
        evidence_of: &["orders-db", "orders-copy"],
    }
}

/// The catalogue trips over one record while twelve times as many people come in at the front.
pub fn crowd_and_record() -> Told {
    let trips =
        "ValueError: cannot deserialize record item-7f31: malformed record, field price is text";
    let case = Story::new("crowd-and-record", "the storefront is busy and fails")
        .with(EntityKind::Service, &["storefront", "catalogue"])
        .with(EntityKind::Database, &["items"])
        .calls("storefront", &["catalogue"])
        .calls("catalogue", &["items"])
        .chatters("storefront")
        .chatters("catalogue")
        .reads("storefront", "request_latency_ms", "ms", |_| 60.0)
        .reads(
            "storefront",
            "error_rate_percent",
            "%",
            from(140, 0.1, 40.0),
        )
        .reads(
            "storefront",
            "requests_per_second",
            "1/s",
            from(140, 100.0, 1200.0),
        )
        .reads("catalogue", "request_latency_ms", "ms", |_| 20.0)
        .reads("catalogue", "error_rate_percent", "%", from(140, 0.1, 40.0))
        .reads(
            "catalogue",
            "requests_per_second",
            "1/s",
            from(140, 100.0, 1200.0),
        )
        .reads("items", "query_latency_ms", "ms", |_| 4.0)
        .writes("catalogue", Severity::Error, trips, (140, END), 8)
        .alarm("storefront", "requests_per_second", 143, 400.0, 1200.0)
        .alarm("storefront", "error_rate_percent", 143, 5.0, 40.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![
            Truth {
                entities: &["storefront"],
                mechanisms: &["input.traffic-surge"],
                category: Category::InputAnomaly,
                change: None,
            },
            Truth {
                entities: &["catalogue", "items"],
                mechanisms: &["input.poison-record"],
                category: Category::InputAnomaly,
                change: None,
            },
        ],
        innocent: &[],
        evidence_of: &["storefront", "catalogue"],
    }
}

/// The clock of the ledger's machine is wrong and it refuses everybody; a moment before, one of its callers was given
/// another role.
pub fn clock_and_role() -> Told {
    let skewed = "[ERROR] ClientError: An error occurred (RequestTimeTooSkewed) when calling the PutItem operation: the difference between the request time and the current time is too large";
    let story = Story::new("clock-and-role", "everything that asks the ledger fails")
        .with(EntityKind::Gateway, &["front"])
        .with(EntityKind::Function, &["pay", "list"])
        .with(EntityKind::Table, &["ledger"])
        .with(EntityKind::Host, &["ledger-host"])
        .calls("front", &["pay", "list"])
        .calls("pay", &["ledger"])
        .calls("list", &["ledger"])
        .leans("ledger", "ledger-host", EdgeKind::RunsOn)
        .reads("front", "5XXError", "Count", from(140, 0.0, 150.0))
        .reads("pay", "Errors", "Count", from(140, 0.0, 100.0))
        .reads("list", "Errors", "Count", from(140, 0.0, 50.0))
        .reads(
            "ledger-host",
            "system.clock.offset",
            "s",
            from(140, 0.001, 180.0),
        );
    let case = ["pay", "list"].into_iter().fold(story, |story, name| {
        story
            .writes(name, Severity::Info, "request # answered", (0, 140), 5)
            .writes(name, Severity::Error, skewed, (140, END), 5)
    });
    let case = case
        .change(
            ChangeKind::Permission,
            "role-1",
            "pay",
            139,
            "UpdateFunctionConfiguration pay",
            "@@ pay\n-role: arn:aws:iam::111122223333:role/ledger-writer\n+role: arn:aws:iam::111122223333:role/mailer\n",
        )
        .alarm("front", "5XXError", 143, 10.0, 150.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["ledger-host", "ledger"],
            mechanisms: &["platform.clock-skew"],
            category: Category::ComponentFailure,
            change: None,
        }],
        innocent: &[],
        evidence_of: &["ledger-host"],
    }
}

/// The payment provider is down; the table that the same function writes to is well with it, and refuses another.
pub fn provider_and_clock() -> Told {
    let refused = "PaymentProviderError: payment provider https://pay.example/v1 returned 503 Service Unavailable";
    let skewed = "[ERROR] ClientError: An error occurred (RequestTimeTooSkewed) when calling the Query operation: the difference between the request time and the current time is too large";
    let case = Story::new("provider-and-clock", "payments and lists fail")
        .with(EntityKind::Gateway, &["front"])
        .with(EntityKind::Function, &["pay", "list"])
        .with(EntityKind::Table, &["ledger"])
        .with(EntityKind::Host, &["ledger-host"])
        .with(EntityKind::External, &["provider"])
        .calls("front", &["pay", "list"])
        .calls("pay", &["provider", "ledger"])
        .calls("list", &["ledger"])
        .leans("ledger", "ledger-host", EdgeKind::RunsOn)
        .reads("front", "5XXError", "Count", from(140, 0.0, 150.0))
        .reads("pay", "Errors", "Count", from(140, 0.0, 100.0))
        .reads("list", "Errors", "Count", from(140, 0.0, 50.0))
        .reads(
            "ledger-host",
            "system.clock.offset",
            "s",
            from(140, 0.001, 180.0),
        )
        .writes("pay", Severity::Info, "payment # made", (0, 140), 5)
        .writes("pay", Severity::Error, refused, (140, END), 5)
        .writes("list", Severity::Info, "list # answered", (0, 140), 5)
        .writes("list", Severity::Error, skewed, (140, END), 5)
        .traced(&[("front", 5.0), ("pay", 10.0), ("ledger", 3.0)], None)
        .traced(
            &[("front", 5.0), ("pay", 10.0), ("provider", 30.0)],
            Some((140, "503")),
        )
        .traced(
            &[("front", 5.0), ("list", 10.0), ("ledger", 3.0)],
            Some((140, skewed)),
        )
        .alarm("front", "5XXError", 143, 10.0, 150.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![
            Truth {
                entities: &["provider"],
                mechanisms: &["dependency.external-outage"],
                category: Category::DependencyIssue,
                change: None,
            },
            Truth {
                entities: &["ledger-host", "ledger"],
                mechanisms: &["platform.clock-skew"],
                category: Category::ComponentFailure,
                change: None,
            },
        ],
        innocent: &[],
        evidence_of: &["ledger-host", "provider", "pay", "list"],
    }
}

/// The name server was started anew with a record less: for a moment it answered nobody, since then it says that the
/// cart's name does not exist. Whoever asked it first complains of the moment, the door of what lasts.
pub fn lost_name() -> Told {
    let lost = "cart.shop.example could not be resolved (3: Host not found), client: 10.0.0.7";
    let moment = "POST /checkout failed: Failed to resolve 'orders.shop.example' ([Errno -3] Temporary failure in name resolution)";
    let case = Story::new("lost-name", "the shop is closed")
        .with(
            EntityKind::Service,
            &["door", "cart", "orders", "names", "catalogue"],
        )
        .calls("door", &["cart"])
        .calls("cart", &["orders", "catalogue"])
        .leans("door", "names", EdgeKind::AsksNames)
        .leans("cart", "names", EdgeKind::AsksNames)
        .chatters("door")
        .chatters("cart")
        .serves("door", |_| 20.0, from(141, 0.1, 96.0))
        .serves_well("orders", 30.0)
        .serves_well("catalogue", 25.0)
        .writes("cart", Severity::Error, moment, (140, 141), 2)
        .writes("door", Severity::Error, lost, (141, END), 12)
        .alarm("door", "error_rate_percent", 144, 5.0, 96.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["names"],
            mechanisms: &["dns.name-not-found"],
            category: Category::SystemChange,
            change: None,
        }],
        innocent: &[],
        evidence_of: &["door"],
    }
}
