//! Invented incidents, each with what is true of it.

use connectors::files::Case;
use model::report::Status;
use model::{Category, ChangeKind, EdgeKind, EntityKind, Severity};
use serde_json::json;

use super::{END, Story, crossed, exported, from};

/// One true cause.
pub struct Truth {
    /// Where it lies; any of these is right.
    pub entities: &'static [&'static str],
    /// How; any of these is right.
    pub mechanisms: &'static [&'static str],
    /// Which of the five.
    pub category: Category,
    /// The guilty change.
    pub change: Option<&'static str>,
}

/// An incident and the truth about it.
pub struct Told {
    /// The case.
    pub case: Case,
    /// How the investigation must end.
    pub status: Status,
    /// Every cause, and no other.
    pub causes: Vec<Truth>,
    /// Changes that did not do it.
    pub innocent: &'static [&'static str],
    /// The kind of thing that the cause is on, whose evidence can be removed: rows of these entities.
    pub evidence_of: &'static [&'static str],
}

/// All of them.
pub fn all() -> Vec<Told> {
    vec![
        bad_deploy(),
        pool_exhausted(),
        disk_full(),
        external_outage(),
        memory_leak(),
        two_at_once(),
        payledger(),
        crossed::slow_and_behind(),
        crossed::crowd_and_record(),
        crossed::clock_and_role(),
        crossed::provider_and_clock(),
        crossed::lost_name(),
        exported::refused_sessions(),
        exported::put_back(),
        exported::behind_and_asked(),
        exported::newcomer(),
        exported::read_whole(),
        recovered(),
        healthy(),
    ]
}

/// A shop: a storefront in front of a checkout and a catalogue, prices and an order book behind.
fn shop(id: &str, title: &str) -> Story {
    Story::new(id, title)
        .with(
            EntityKind::Service,
            &["storefront", "checkout", "catalogue", "pricing"],
        )
        .with(EntityKind::Database, &["orders-db"])
        .calls("storefront", &["checkout", "catalogue"])
        .calls("checkout", &["pricing", "orders-db"])
        .chatters("storefront")
        .chatters("checkout")
        .chatters("catalogue")
}

/// Pricing's new version trips over carts without a campaign; the catalogue got a new label a minute later.
pub fn bad_deploy() -> Told {
    let way = [("storefront", 20.0), ("checkout", 30.0), ("pricing", 15.0)];
    let trips = "Unhandled exception: AttributeError: 'NoneType' object has no attribute 'rate' in price_cart";
    let case = shop("bad-deploy", "checkout fails for some carts")
        .chatters("pricing")
        .serves("storefront", |_| 90.0, from(144, 0.2, 28.0))
        .serves("checkout", |_| 60.0, from(144, 0.1, 30.0))
        .serves("pricing", |_| 15.0, from(144, 0.1, 30.0))
        .serves_well("catalogue", 25.0)
        .reads("orders-db", "connections_in_use", "1", |_| 22.0)
        .writes("pricing", Severity::Error, trips, (144, END), 8)
        .writes("checkout", Severity::Error, "pricing returned 500 for cart #", (144, END), 4)
        .traced(&way, Some((144, trips)))
        .deploy(
            "c0ffee1234abcd",
            "pricing",
            143,
            "pricing: read the rate straight from the campaign",
            "@@ src/pricing/discount.py\n def price_cart(cart, campaign):\n-    if campaign is None:\n-        return cart.total\n-    rate = campaign.rate\n+    rate = campaign.rate\n     return cart.total * (1 - rate)\n",
        )
        .deploy(
            "beefed5678dcba",
            "catalogue",
            143,
            "catalogue: friendlier heading",
            "@@ web/templates/heading.html\n-<h1>All products</h1>\n+<h1>Everything we have for you</h1>\n",
        )
        .alarm("storefront", "error_rate_percent", 147, 5.0, 28.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["pricing"],
            mechanisms: &[
                "change.code-defect",
                "code.exception-after-change",
                "code.crash-on-request",
            ],
            category: Category::SystemChange,
            change: Some("c0ffee1234abcd"),
        }],
        innocent: &["beefed5678dcba"],
        evidence_of: &["pricing"],
    }
}

/// All twenty connections of the checkout's pool are taken; the database behind it is idle.
pub fn pool_exhausted() -> Told {
    let waits =
        "HikariPool-1 - Connection is not available, request timed out after 30000ms (order #)";
    let case = shop("pool-exhausted", "checkout is slow")
        .chatters("pricing")
        .serves("storefront", from(140, 90.0, 2100.0), from(140, 0.1, 6.0))
        .serves("checkout", from(140, 60.0, 2000.0), from(140, 0.1, 6.5))
        .serves_well("pricing", 15.0)
        .serves_well("catalogue", 25.0)
        .reads(
            "checkout",
            "db_pool_connections_active",
            "1",
            from(140, 7.0, 20.0),
        )
        .reads("checkout", "db_pool_connections_max", "1", |_| 20.0)
        .reads(
            "checkout",
            "db_pool_acquire_wait_ms",
            "ms",
            from(140, 1.0, 1800.0),
        )
        .reads("orders-db", "cpu_usage_percent", "%", |_| 18.0)
        .reads("orders-db", "query_latency_ms", "ms", |_| 4.0)
        .writes("checkout", Severity::Error, waits, (140, END), 6)
        .alarm("storefront", "request_latency_ms", 143, 800.0, 2100.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["checkout"],
            mechanisms: &["resource.connection-pool-exhausted"],
            category: Category::ResourceLimit,
            change: None,
        }],
        innocent: &[],
        evidence_of: &["checkout"],
    }
}

/// The order book's disk fills until nothing can be written.
pub fn disk_full() -> Told {
    let refused = "could not write order #: could not extend file \"base/16384/2619\": No space left on device";
    let filling = |at: i64| (40e9 - at as f64 * 40e9 / 141.0).max(0.0);
    let case = shop("disk-full", "orders cannot be placed")
        .chatters("pricing")
        .serves("storefront", |_| 90.0, from(141, 0.1, 45.0))
        .serves("checkout", |_| 60.0, from(141, 0.1, 50.0))
        .serves_well("pricing", 15.0)
        .serves_well("catalogue", 25.0)
        .reads("orders-db", "free_storage_space", "By", filling)
        .reads("orders-db", "cpu_usage_percent", "%", |_| 22.0)
        .reads("orders-db", "write_iops", "1/s", from(141, 350.0, 2.0))
        .writes("checkout", Severity::Error, refused, (141, END), 6)
        .notice(
            "rds",
            "orders-db",
            142,
            "storage-full",
            "DB instance orders-db has run out of storage space. Writes are blocked.",
        )
        .alarm("storefront", "error_rate_percent", 144, 5.0, 45.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["orders-db"],
            mechanisms: &["resource.disk-full"],
            category: Category::ResourceLimit,
            change: None,
        }],
        innocent: &[],
        evidence_of: &["orders-db"],
    }
}

/// The provider of card payments is down; its own status page says so.
pub fn external_outage() -> Told {
    let down = "POST https://api.cardhouse.com/v1/charges returned 503 for payment #";
    let case = Story::new("external-outage", "payments fail")
        .with(EntityKind::Service, &["storefront", "payments", "accounts"])
        .with(EntityKind::External, &["cardhouse"])
        .calls("storefront", &["payments", "accounts"])
        .calls("payments", &["cardhouse"])
        .chatters("storefront")
        .chatters("payments")
        .chatters("accounts")
        .serves("storefront", |_| 80.0, from(138, 0.1, 22.0))
        .serves("payments", from(138, 120.0, 140.0), from(138, 0.1, 60.0))
        .serves_well("accounts", 18.0)
        .reads(
            "payments",
            "provider_errors_per_minute",
            "1/min",
            from(138, 0.0, 55.0),
        )
        .writes("payments", Severity::Error, down, (138, END), 9)
        .notice(
            "status_feed",
            "cardhouse",
            141,
            "partial_outage",
            "partial_outage: Charges API elevated error rates",
        )
        .alarm("storefront", "error_rate_percent", 141, 5.0, 22.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["cardhouse"],
            mechanisms: &["dependency.external-outage"],
            category: Category::DependencyIssue,
            change: None,
        }],
        innocent: &[],
        evidence_of: &["cardhouse", "payments"],
    }
}

/// The recommender keeps what it should forget, until it collects garbage instead of answering.
pub fn memory_leak() -> Told {
    let collects = "GC pause #ms; heap growing, forced GC did not reclaim";
    let growing = |at: i64| 30.0 + 66.0 * at as f64 / END as f64;
    let slowing = |at: i64| {
        if at < 140 {
            40.0
        } else {
            40.0 + 25.0 * (at - 140) as f64
        }
    };
    let case = Story::new("memory-leak", "recommendations are slow")
        .with(
            EntityKind::Service,
            &["storefront", "recommender", "profiles"],
        )
        .calls("storefront", &["recommender"])
        .calls("recommender", &["profiles"])
        .chatters("storefront")
        .chatters("recommender")
        .chatters("profiles")
        .serves("storefront", move |at| 60.0 + slowing(at), |_| 0.1)
        .serves("recommender", slowing, |_| 0.1)
        .serves_well("profiles", 9.0)
        .reads("recommender", "memory_usage_percent", "%", growing)
        .reads("recommender", "gc_pause_ms", "ms", move |at| {
            if at < 140 {
                20.0
            } else {
                20.0 * (at - 138) as f64
            }
        })
        .reads("profiles", "memory_usage_percent", "%", |_| 44.0)
        .writes("recommender", Severity::Warn, collects, (140, END), 4)
        .alarm("storefront", "request_latency_ms", 152, 300.0, 360.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![Truth {
            entities: &["recommender"],
            mechanisms: &["resource.memory-leak"],
            category: Category::ResourceLimit,
            change: None,
        }],
        innocent: &[],
        evidence_of: &["recommender"],
    }
}

/// Two things at once that have nothing to do with each other: mail's templates trip over people
/// without a language, and the search index has no disk left.
pub fn two_at_once() -> Told {
    let refused =
        "indexing of document # failed: flood stage disk watermark [95%] exceeded, disk is full";
    let crashes = "Unhandled exception: KeyError: 'locale' in render_greeting (message #)";
    let case = Story::new("two-at-once", "search and mail both fail")
        .with(
            EntityKind::Service,
            &["search", "indexer", "mailer", "templates"],
        )
        .with(EntityKind::Database, &["index-store"])
        .calls("search", &["indexer"])
        .calls("indexer", &["index-store"])
        .calls("mailer", &["templates"])
        .chatters("search")
        .chatters("indexer")
        .chatters("mailer")
        .chatters("templates")
        .serves("search", |_| 70.0, from(139, 0.1, 35.0))
        .serves("indexer", |_| 50.0, from(139, 0.1, 40.0))
        .serves("mailer", |_| 30.0, from(146, 0.1, 52.0))
        .serves("templates", |_| 12.0, from(146, 0.1, 55.0))
        .reads(
            "index-store",
            "disk_usage_percent",
            "%",
            |at| (60.0 + 0.3 * at as f64).min(100.0),
        )
        .notice(
            "elastic",
            "index-store",
            139,
            "disk_watermark",
            "disk is full: all writes to the store are blocked",
        )
        .writes("index-store", Severity::Error, refused, (139, END), 5)
        .writes("templates", Severity::Error, crashes, (146, END), 7)
        .deploy(
            "facade0f00d1",
            "templates",
            145,
            "templates: greet people in their language",
            "@@ src/templates/greeting.py\n def render_greeting(person):\n-    if 'locale' not in person:\n-        return GREETINGS['en']\n     language = person['locale']\n     return GREETINGS[language]\n",
        )
        .alarm("search", "error_rate_percent", 142, 5.0, 35.0)
        .alarm("mailer", "error_rate_percent", 149, 5.0, 52.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![
            Truth {
                entities: &["index-store"],
                mechanisms: &["resource.disk-full"],
                category: Category::ResourceLimit,
                change: None,
            },
            Truth {
                entities: &["templates"],
                mechanisms: &[
                    "change.code-defect",
                    "code.exception-after-change",
                    "code.crash-on-request",
                ],
                category: Category::SystemChange,
                change: Some("facade0f00d1"),
            },
        ],
        innocent: &[],
        evidence_of: &["index-store", "templates"],
    }
}

/// Three faults at once behind one front: a role without its table, a function that may not run, a
/// function whose setting is gone. One alarm, on the front.
pub fn payledger() -> Told {
    let denied = "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ledger-writer/create-payment is not authorized to perform: dynamodb:PutItem on resource: table/ledger";
    let missing =
        "[ERROR] KeyError: 'STATEMENT_BUCKET' at load: bucket = os.environ['STATEMENT_BUCKET']";
    let function = |story: Story, name: &'static str, runs: (f64, f64), errors: (f64, f64)| {
        story
            .reads(name, "Invocations", "Count", from(130, runs.0, runs.1))
            .reads(name, "Errors", "Count", from(130, errors.0, errors.1))
    };
    let story = Story::new("payledger", "the payment API answers 5xx")
        .with(EntityKind::Gateway, &["payments-api"])
        .with(
            EntityKind::Function,
            &[
                "create-payment",
                "refund-payment",
                "list-statements",
                "get-balance",
            ],
        )
        .with(EntityKind::Role, &["ledger-writer"])
        .with(EntityKind::Table, &["ledger"])
        .calls(
            "payments-api",
            &[
                "create-payment",
                "refund-payment",
                "list-statements",
                "get-balance",
            ],
        )
        .calls("create-payment", &["ledger"])
        .calls("get-balance", &["ledger"])
        .leans("create-payment", "ledger-writer", EdgeKind::UsesRole)
        .reads("payments-api", "5XXError", "Count", from(130, 0.0, 140.0))
        .reads("payments-api", "Count", "Count", |_| 400.0)
        .reads("ledger", "SuccessfulRequestLatency", "Milliseconds", |_| {
            5.0
        });
    let story = function(story, "create-payment", (100.0, 100.0), (0.0, 98.0));
    let story = function(story, "refund-payment", (60.0, 0.0), (0.0, 0.0));
    let story = function(story, "list-statements", (50.0, 50.0), (0.0, 50.0));
    let story = function(story, "get-balance", (190.0, 190.0), (0.0, 0.0));
    let case = story
        .reads("refund-payment", "Throttles", "Count", from(130, 0.0, 60.0))
        .writes(
            "create-payment",
            Severity::Info,
            "payment # recorded",
            (0, 130),
            4,
        )
        .writes("create-payment", Severity::Error, denied, (130, END), 4)
        .writes(
            "refund-payment",
            Severity::Info,
            "refund # recorded",
            (0, 130),
            3,
        )
        .writes(
            "list-statements",
            Severity::Info,
            "statement # listed",
            (0, 130),
            3,
        )
        .writes("list-statements", Severity::Error, missing, (130, END), 3)
        .writes(
            "get-balance",
            Severity::Info,
            "balance # read",
            (0, END),
            5,
        )
        .looks(
            "refund-payment",
            "aws.lambda.function",
            json!({"State": "Active", "ReservedConcurrentExecutions": 0}),
        )
        .change(
            ChangeKind::Permission,
            "detach-1",
            "ledger-writer",
            129,
            "DetachRolePolicy ledger-table-write from ledger-writer",
            "",
        )
        .change(
            ChangeKind::Config,
            "concurrency-1",
            "refund-payment",
            129,
            "PutFunctionConcurrency refund-payment",
            "@@ refund-payment\n-ReservedConcurrentExecutions: 50\n+ReservedConcurrentExecutions: 0\n",
        )
        .change(
            ChangeKind::Config,
            "environment-1",
            "list-statements",
            129,
            "UpdateFunctionConfiguration list-statements",
            "@@ list-statements\n-STATEMENT_BUCKET: monthly-statements\n",
        )
        .alarm("payments-api", "5XXError", 133, 10.0, 140.0)
        .told();
    Told {
        case,
        status: Status::CauseFound,
        causes: vec![
            Truth {
                entities: &["create-payment", "ledger-writer"],
                mechanisms: &["permission.denied"],
                category: Category::SystemChange,
                change: Some("detach-1"),
            },
            Truth {
                entities: &["refund-payment"],
                mechanisms: &["resource.throttled-zero-concurrency"],
                category: Category::ResourceLimit,
                change: Some("concurrency-1"),
            },
            Truth {
                entities: &["list-statements"],
                mechanisms: &["config.required-value-missing"],
                category: Category::SystemChange,
                change: Some("environment-1"),
            },
        ],
        innocent: &[],
        evidence_of: &["create-payment", "refund-payment", "list-statements"],
    }
}

/// Four times the usual requests come to a shop, and all of it is slower for it; nobody writes anything new.
pub fn more_than_usual() -> Case {
    let mut story = shop("more-than-usual", "the storefront is slow")
        .chatters("pricing")
        .alarm("storefront", "request_latency_ms", 143, 800.0, 2100.0);
    for (name, well, ill) in [
        ("storefront", 90.0, 2100.0),
        ("checkout", 60.0, 900.0),
        ("catalogue", 25.0, 300.0),
        ("pricing", 15.0, 200.0),
    ] {
        story = story
            .reads(name, "request_latency_ms", "ms", from(140, well, ill))
            .reads(name, "requests_per_second", "1/s", from(138, 100.0, 400.0));
    }
    story.told()
}

/// Checkout was slow for nine minutes, and is well again.
pub fn recovered() -> Told {
    let bump =
        |well: f64, ill: f64| move |at: i64| if (132..141).contains(&at) { ill } else { well };
    let case = shop("recovered", "checkout was slow")
        .chatters("pricing")
        .serves("storefront", bump(90.0, 700.0), |_| 0.1)
        .serves("checkout", bump(60.0, 640.0), |_| 0.1)
        .serves_well("pricing", 15.0)
        .serves_well("catalogue", 25.0)
        .alarm("storefront", "request_latency_ms", 134, 400.0, 700.0)
        .which_resolved()
        .told();
    Told {
        case,
        status: Status::Recovered,
        causes: Vec::new(),
        innocent: &[],
        evidence_of: &[],
    }
}

/// An alarm with its line drawn too low; somebody deployed a text in the same hour.
pub fn healthy() -> Told {
    let case = shop("healthy", "storefront latency over its line")
        .chatters("pricing")
        .serves_well("storefront", 90.0)
        .serves_well("checkout", 60.0)
        .serves_well("pricing", 15.0)
        .serves_well("catalogue", 25.0)
        .deploy(
            "abad1deaabad1d",
            "storefront",
            148,
            "storefront: new year in the footer",
            "@@ web/templates/footer.html\n-<p>(c) 2025</p>\n+<p>(c) 2026</p>\n",
        )
        .alarm("storefront", "request_latency_ms", 150, 93.0, 93.4)
        .told();
    Told {
        case,
        status: Status::NoActiveFault,
        causes: Vec::new(),
        innocent: &["abad1deaabad1d"],
        evidence_of: &[],
    }
}
