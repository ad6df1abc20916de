//! Invented incidents as widespread exporters and ordinary programs tell them, whose words mislead.

use model::report::Status;
use model::{Category, EdgeKind, EntityKind, Severity};

use super::stories::{Told, Truth};
use super::{END, Story, from};

/// The database takes no more sessions: both of its clients wait for theirs, and say so louder than it does.
pub fn refused_sessions() -> Told {
    let refused = "FATAL: remaining connection slots are reserved for superuser connections (#)";
    let waits = "GET /items failed: PoolTimeout: couldn't get a connection after 3.00 sec (#)";
    let mut story = Story::new("refused-sessions", "the storefront fails")
        .with(EntityKind::Service, &["storefront", "orders", "catalogue"])
        .with(EntityKind::Database, &["items"])
        .calls("storefront", &["orders", "catalogue"])
        .calls("orders", &["items"])
        .calls("catalogue", &["items"])
        .chatters("storefront")
        .serves("storefront", from(140, 90.0, 5000.0), from(140, 0.1, 60.0))
        .reads("items", "pg_up", "", |_| 1.0)
        .reads(
            "items",
            "pg_stat_activity_count",
            "",
            from(140, 30.0, 100.0),
        )
        // Sessions that waited idly are fewer: that is no fall of their number.
        .reads(
            "items",
            "pg_stat_activity_count",
            "idle",
            from(140, 24.0, 2.0),
        )
        .writes("items", Severity::Fatal, refused, (140, END), 20)
        .alarm("storefront", "error_rate_percent", 142, 5.0, 60.0);
    for client in ["orders", "catalogue"] {
        story = story
            .chatters(client)
            .serves(client, from(140, 30.0, 3000.0), from(140, 0.1, 90.0))
            .reads(client, "db_pool_size", "", from(140, 2.0, 6.0))
            .reads(client, "db_pool_waiting", "", from(140, 0.0, 30.0))
            .writes(client, Severity::Error, waits, (140, END), 20);
    }
    Told {
        case: story.told(),
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["items"],
            mechanisms: &["database.max-connections"],
            category: Category::ResourceLimit,
            change: None,
        }],
        innocent: &[],
        evidence_of: &["items"],
    }
}

/// The certificate of the payments' door has run out: whoever pays says so, and the payments, whom nobody reaches, are
/// as well as ever.
pub fn shown_certificate() -> Told {
    let refuses = "POST /orders failed: payment: HTTPSConnectionPool(host='pay.shop.example', port=8443): Max retries exceeded \
                   with url: /charge (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] \
                   certificate verify failed: certificate has expired (_ssl.c:1006)')))";
    let case = Story::new("shown-certificate", "nobody can pay")
        .with(
            EntityKind::Service,
            &["storefront", "orders", "payments", "catalogue"],
        )
        .with(EntityKind::Client, &["pay.shop.example"])
        .calls("storefront", &["orders", "catalogue"])
        .calls("orders", &["payments"])
        .calls("pay.shop.example", &["payments"])
        .chatters("storefront")
        .chatters("orders")
        .serves("storefront", |_| 90.0, from(140, 0.1, 60.0))
        .serves("orders", |_| 30.0, from(140, 0.1, 60.0))
        .serves_well("payments", 20.0)
        .serves_well("catalogue", 8.0)
        .writes("orders", Severity::Error, refuses, (140, END), 20)
        .alarm("storefront", "error_rate_percent", 142, 5.0, 60.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["payments"],
            mechanisms: &["tls.certificate-expired"],
            category: Category::SystemChange,
            change: None,
        }],
        innocent: &[],
        evidence_of: &["orders"],
    }
}

/// One parcel that no code expects comes back from the queue again and again; the rest waits behind it.
pub fn put_back() -> Told {
    let fails = "parcel # failed and was requeued: TypeError: unsupported operand type(s) for *";
    let case = Story::new("put-back", "parcels pile up")
        .with(EntityKind::Service, &["orders", "parcels"])
        .with(EntityKind::Queue, &["broker"])
        .leans("orders", "broker", EdgeKind::Produces)
        .leans("parcels", "broker", EdgeKind::Consumes)
        .chatters("orders")
        .serves_well("orders", 30.0)
        .reads("broker", "rabbitmq_queue_messages_ready", "", |at| {
            if at < 140 {
                0.0
            } else {
                12.0 * (at - 139) as f64
            }
        })
        // A queue that holds something takes a few pages more than one that holds nothing.
        .reads(
            "broker",
            "rabbitmq_queue_process_memory_bytes",
            "By",
            from(140, 16_000.0, 48_000.0),
        )
        .reads("parcels", "process_resident_memory_bytes", "By", |_| 6e7)
        .writes(
            "parcels",
            Severity::Info,
            "parcel # is on its way",
            (0, 140),
            12,
        )
        .writes("parcels", Severity::Error, fails, (140, END), 20)
        .alarm("broker", "rabbitmq_queue_messages_ready", 143, 20.0, 36.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["parcels"],
            mechanisms: &["input.poison-record"],
            category: Category::InputAnomaly,
            change: None,
        }],
        innocent: &[],
        evidence_of: &["parcels"],
    }
}

/// The copy that orders are read from falls behind: customers are told that their orders do not exist.
pub fn behind_and_asked() -> Told {
    let case = Story::new("behind-and-asked", "orders are not found")
        .with(EntityKind::Service, &["storefront", "orders"])
        .with(EntityKind::Database, &["ledger", "ledger-copy"])
        .calls("storefront", &["orders"])
        .calls("orders", &["ledger", "ledger-copy"])
        .leans("ledger-copy", "ledger", EdgeKind::ReplicatesFrom)
        .chatters("storefront")
        .chatters("orders")
        .serves("storefront", |_| 90.0, from(140, 0.1, 20.0))
        .serves("orders", |_| 30.0, from(140, 0.1, 40.0))
        .serves_well("ledger", 4.0)
        .reads("ledger-copy", "pg_replication_lag", "", |at| {
            if at < 140 {
                0.0
            } else {
                60.0 * (at - 139) as f64
            }
        })
        .reads(
            "ledger-copy",
            "pg_stat_activity_max_tx_duration",
            "",
            |at| {
                if at < 139 {
                    0.0
                } else {
                    60.0 * (at - 138) as f64
                }
            },
        )
        .writes(
            "orders",
            Severity::Warn,
            "order # is not known on ledger-copy",
            (140, END),
            12,
        )
        .alarm("storefront", "error_rate_percent", 143, 10.0, 20.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["ledger-copy"],
            mechanisms: &["database.replay-delayed", "database.replication-lag"],
            category: Category::ResourceLimit,
            change: None,
        }],
        innocent: &[],
        evidence_of: &["ledger-copy"],
    }
}

/// A batch begins on the machine of the storefront, which nobody asks anything: the storefront waits to run.
pub fn newcomer() -> Told {
    let case = Story::new("newcomer", "pages are slow")
        .with(EntityKind::Service, &["storefront", "prices", "thumbnails"])
        .with(EntityKind::Host, &["node-7"])
        .calls("storefront", &["prices"])
        .leans("storefront", "node-7", EdgeKind::RunsOn)
        .leans("thumbnails", "node-7", EdgeKind::RunsOn)
        .chatters("storefront")
        .chatters("prices")
        .serves("storefront", from(140, 90.0, 1400.0), |_| 0.1)
        .serves_well("prices", 8.0)
        .reads(
            "thumbnails",
            "container_cpu_usage_percent",
            "%",
            from(139, 0.0, 92.0),
        )
        .reads("node-7", "node_load1", "", from(139, 0.6, 3.1))
        .alarm("storefront", "request_latency_ms", 143, 800.0, 1400.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["thumbnails"],
            mechanisms: &["resource.noisy-neighbour"],
            category: Category::ResourceLimit,
            change: None,
        }],
        innocent: &[],
        evidence_of: &["thumbnails"],
    }
}

/// A table lost its index: each page reads all of it. Requests are as many as ever, and the processor is busy.
pub fn read_whole() -> Told {
    let slow =
        "duration: 4#.118 ms  statement: SELECT stars, words FROM reviews WHERE product = $1";
    let case = Story::new("read-whole", "pages are slow")
        .with(EntityKind::Service, &["storefront", "catalogue"])
        .with(EntityKind::Database, &["reviews"])
        .calls("storefront", &["catalogue"])
        .calls("catalogue", &["reviews"])
        .chatters("storefront")
        .chatters("catalogue")
        .serves("storefront", from(140, 90.0, 4200.0), |_| 0.1)
        .serves("catalogue", from(140, 30.0, 3900.0), |_| 0.1)
        .reads("reviews", "pg_up", "", |_| 1.0)
        .reads(
            "reviews",
            "pg_stat_user_tables_seq_tup_read",
            "",
            from(139, 4_000.0, 90_000_000.0),
        )
        .reads("reviews", "cpu_usage_percent", "%", from(139, 12.0, 97.0))
        .writes("reviews", Severity::Info, slow, (140, END), 6)
        .alarm("storefront", "request_latency_ms", 143, 800.0, 4200.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["reviews"],
            mechanisms: &["database.slow-query"],
            category: Category::ResourceLimit,
            change: None,
        }],
        innocent: &[],
        evidence_of: &["reviews"],
    }
}
