use std::collections::BTreeSet;
use std::path::Path;

use connectors::catalog::CATALOG;

use super::{Config, Table, Written, parse, reference};

fn refused(text: &str) -> String {
    let problem = parse(text, "midwatch.toml").unwrap_err();
    format!("{} | {} | {}", problem.what, problem.place, problem.remedy)
}

#[test]
fn an_empty_file_is_everything_by_default() {
    assert_eq!(parse("", "midwatch.toml").unwrap(), Config::default());
}

#[test]
fn what_is_written_is_read_back() {
    let text = toml::to_string(&Config::default()).unwrap();
    assert_eq!(parse(&text, "midwatch.toml").unwrap(), Config::default());
}

#[test]
fn an_unknown_key_names_the_nearest() {
    let said = refused("[act]\ncool_down = \"5min\"\n");
    assert!(said.contains("unknown field `cool_down`"), "{said}");
    assert!(said.contains("midwatch.toml:2:"), "{said}");
    assert!(said.contains("did you mean `cooldown`?"), "{said}");
    let said = refused("[telemetri]\n");
    assert!(said.contains("did you mean `telemetry`?"), "{said}");
}

#[test]
fn values_that_mean_nothing_are_refused() {
    for (text, wanted) in [
        ("[act]\nmin_confidence = 80\n", "is a share"),
        ("[act]\nattempts = 0\n", "no plan could ever run"),
        ("[act]\ncooldown = \"soon\"\n", "is no length of time"),
        (
            "[telemetry]\nmax_bytes = \"4 gigs\"\n",
            "is no number of bytes",
        ),
        (
            "[telemetry]\ngrpc = \"localhost\"\n",
            "is no address with a port",
        ),
        ("[watch]\nevery = \"0s\"\n", "must be longer than nothing"),
        ("[watch\n", "midwatch.toml:1:"),
    ] {
        let said = refused(text);
        assert!(said.contains(wanted), "{text:?}: {said}");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_told_of_with_its_key_and_how_it_is_written() {
    let one = |text: &str| format!("[connectors.loki.main]\nurl = \"http://host\"\n{text}\n");
    let shop = "[connectors.github.main]\nurl = \"http://host\"\nrepositories = [\"shop/cart\"]\n";
    for (text, wanted) in [
        (
            "[connectors.prometheus]\nurl = \"http://host\"\n".to_string(),
            "[connectors.prometheus] holds url, and a name of yours is wanted there | midwatch.toml:2:7 | name it, such as [connectors.prometheus.main], with url below it",
        ),
        (
            "[connectors]\nprometheus = 5\n".to_string(),
            "connectors.prometheus is a whole number, and a table is wanted | midwatch.toml:2:14 | write [connectors.prometheus.main] on a line of its own",
        ),
        (
            "server = true\n".to_string(),
            "server is true or false, and a table is wanted | midwatch.toml:1:10 | write [server] on a line of its own",
        ),
        (
            "[spaces]\npayments = \"payments.toml\"\n".to_string(),
            "spaces.payments is text, and a table is wanted | midwatch.toml:2:12 | write [spaces.payments] on a line of its own",
        ),
        (
            one("requests = -5"),
            "connectors.loki.main.requests is -5, and a whole number that is not negative is wanted | midwatch.toml:3:12 | write it like requests = 100",
        ),
        (
            "[act]\nattempts = 5000000000\n".to_string(),
            "act.attempts is 5000000000, and a whole number from 0 to 4294967295 is wanted | midwatch.toml:2:12 | write it like attempts = 100",
        ),
        (
            "[server]\nlisten = \"localhost:8787\"\n".to_string(),
            "server.listen is no address with a port | midwatch.toml:2:10 | write it like listen = \"127.0.0.1:8787\"; the names of hosts are not looked up",
        ),
        (
            "[telemetry]\ngrpc = 4317\n".to_string(),
            "telemetry.grpc is no address with a port | midwatch.toml:2:8 | write it like grpc = \"127.0.0.1:8787\"",
        ),
        (
            one("timeout = 5"),
            "connectors.loki.main.timeout is a whole number, and a length of time is wanted | midwatch.toml:3:11 | write it like timeout = \"5s\"",
        ),
        (
            one("timeout = \"5 sec\""),
            "\"5 sec\" is no length of time; write it like \"500ms\"",
        ),
        (
            "[telemetry]\nmax_bytes = 5\n".to_string(),
            "telemetry.max_bytes is a whole number, and a number of bytes is wanted | midwatch.toml:2:13 | write it like max_bytes = \"64MiB\"",
        ),
        (
            "[watch]\nrules = \"x\"\n".to_string(),
            "watch.rules is text, and a list is wanted | midwatch.toml:2:9 | write it like rules = [\"alarms.toml\"]",
        ),
        (
            "[server]\nhosts = [5]\n".to_string(),
            "server.hosts holds a whole number, and text is wanted in it | midwatch.toml:2:10 | write it like hosts = [\"text\"]",
        ),
        (
            format!("{shop}touches = {{ \"shop/cart\" = \"service/cart\" }}\n"),
            "connectors.github.main.touches.shop/cart is text, and a list is wanted | midwatch.toml:4:27 | write it like touches = { \"shop/cart\" = [\"service/cart\"] }",
        ),
        (
            "[connectors.loki.main]\nlines = 5\n".to_string(),
            "connectors.loki.main.url is missing | midwatch.toml:1:1 | write it like url = \"http://127.0.0.1:3100\"",
        ),
        (
            "[inlets.x]\nkind = 5\n".to_string(),
            "inlets.x.kind is not text | midwatch.toml:2:8 | write it like kind = \"alertmanager\"",
        ),
    ] {
        let said = refused(&text);
        assert!(said.starts_with(wanted), "{text:?}: {said}");
        assert!(!said.contains("expected"), "{text:?}: {said}");
    }
}

#[test]
fn a_file_that_a_key_names_is_told_of_with_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("good"), " a secret\n").unwrap();
    std::fs::write(at("empty"), "\n").unwrap();
    std::fs::write(at("two"), "a secret\nanother\n").unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    let file = at("midwatch.toml");
    let written = Written {
        config: Config::default(),
        file: Some(file.clone()),
    };
    let key = "connectors.prometheus.main.bearer_file";
    let read = |name: &str| written.named_secret(key, Path::new(name));
    assert_eq!(read("good").unwrap(), "a secret");
    for (name, what, remedy) in [
        (
            "secrets/nope",
            "secrets/nope cannot be read: ",
            "make the file, readable by whoever runs midwatch; paths are relative to ",
        ),
        ("empty", "empty is empty", "write the secret into it, alone"),
        (
            "two",
            "two holds more than one line",
            "write the secret into it, alone",
        ),
        (
            "folder",
            "folder cannot be read: ",
            "it is a folder: name a file",
        ),
    ] {
        let problem = read(name).unwrap_err();
        assert_eq!(problem.place, format!("{key} in {}", file.display()));
        assert!(problem.what.contains(what), "{problem}");
        assert!(problem.remedy.starts_with(remedy), "{problem}");
        assert!(!problem.to_string().contains("another"), "{problem}");
    }
}

#[test]
fn the_reference_is_a_file_that_says_what_holds_anyway() {
    let text = reference();
    // Sections that have no default hold keys that must be given.
    let optional = |part: &&str| !part.contains("[server.tls]") && !part.contains("[server.oidc]");
    let uncommented: String = text
        .split("\n\n")
        .filter(optional)
        .flat_map(str::lines)
        .filter(|line| !line.starts_with("# ") && !line.ends_with(" ="))
        .map(|line| format!("{}\n", line.trim_start_matches('#')))
        .collect::<String>()
        .split("[notify.webhook]")
        .next()
        .unwrap_or_default()
        .to_string();
    assert_eq!(parse(&uncommented, "reference").unwrap(), Config::default());
    for key in ["min_confidence", "[connectors.payledger]", "secret_file"] {
        assert!(text.contains(key), "{key}");
    }
}

#[test]
fn channels_have_names_that_fit_and_kinds_that_there_are() {
    let slack = |name: &str, only: &str| {
        format!(
            "[notify.slack.{name}]\nchannel = \"C0123456789\"\ntoken_file = \"t\"\nonly = {{ {only} }}\n"
        )
    };
    let said = refused(&slack("ops", "kinds = [\"approval_want\"]"));
    assert!(said.contains("did you mean \"approval_wanted\"?"), "{said}");
    let said = refused(&slack("\"Ops 1\"", ""));
    assert!(said.contains("a to z"), "{said}");
    let said = refused(&slack("ops", "severity = \"bad\""));
    assert!(said.contains("unknown variant `bad`"), "{said}");
    let said = refused("[notify]\npage = \"midwatch.example\"\n");
    assert!(said.contains("no address"), "{said}");
    let config = parse(&slack("ops", "severity = \"error\""), "x").unwrap();
    assert_eq!(
        crate::wiring::notify::names(&config.notify),
        ["terminal", "slack.ops"]
    );
    let text = reference();
    for key in [
        "#[notify.slack.NAME]",
        "#[notify.email.NAME.only]",
        "#token_file =",
    ] {
        assert!(text.contains(key), "{key}");
    }
}

#[test]
fn sources_that_are_asked_have_addresses_without_secrets() {
    let one = |text: &str| format!("[connectors.prometheus.main]\n{text}\n");
    for (text, wanted) in [
        ("url = \"prometheus:9090\"", "no address of HTTP"),
        ("url = \"http://\"", "names no host"),
        (
            "url = \"http://anna:secret@host\"",
            "would stand in reports",
        ),
        (
            "url = \"http://anna:secret/x+secret@host\"",
            "would stand in reports",
        ),
        ("url = \"http://host/?a=b\"", "more than an address"),
        (
            "url = \"http://host\"\nuser = \"anna\"",
            "without the other",
        ),
        ("url = \"http://host\"\nrequests = 0", "is 0"),
        (
            "url = \"http://host\"\nlook = \"0s\"",
            "longer than nothing",
        ),
        ("url = \"http://host\"\ntenant = \"a b\"", "in a header"),
        (
            "url = \"http://host\"\nentities = { a = \"b\" }",
            "no entity",
        ),
        ("url = \"http://host\"\nlines = 5", "unknown field `lines`"),
        (
            "url = \"http://host/prom/api/v1/\"",
            "ends in /api/v1, which is put behind it anyway",
        ),
        (
            "url = \"http://host\"\nmatch = \"namespace=shop\"",
            "main.match has no quotes around the value of namespace",
        ),
    ] {
        let said = refused(&one(text));
        assert!(said.contains(wanted), "{text:?}: {said}");
        assert!(!said.contains("secret@"), "{said}");
    }
    let said = refused("[connectors.loki.\"Main 1\"]\nurl = \"http://host\"\n");
    assert!(said.contains("is no name"), "{said}");
    let config = parse(&one("url = \"http://host\"\nmatch = 'a=\"b\"'"), "x").unwrap();
    assert_eq!(config.connectors.prometheus["main"].matching, "a=\"b\"");
    let text = reference();
    for key in ["[connectors.prometheus.NAME]", "#bearer_file =", "#lines ="] {
        assert!(text.contains(key), "{key}");
    }
}

#[test]
fn an_address_may_end_in_what_is_no_api_of_its_own() {
    for text in [
        "[connectors.prometheus.main]\nurl = \"http://host/select/0/prometheus\"\n",
        "[connectors.tempo.main]\nurl = \"http://host/tempo/api\"\n",
        "[connectors.github.main]\nurl = \"https://host/api/v3\"\nrepositories = [\"shop/cart\"]\n",
    ] {
        assert!(parse(text, "x").is_ok(), "{text}");
    }
}

#[test]
fn regions_are_told_from_what_is_none() {
    let one = |region: &str| format!("[connectors.aws.main]\nregions = [{region:?}]\n");
    for good in [
        "eu-west-1",
        "ap-southeast-2",
        "us-gov-west-1",
        "us-isob-east-1",
        "eusc-de-east-1",
    ] {
        assert!(parse(&one(good), "x").is_ok(), "{good}");
    }
    for bad in [
        "",
        "mars-1",
        "eu-west",
        "eu-west-",
        "eu-west-1a",
        "EU-west-1",
        "eu west-1",
        "-west-1",
        "eu-west-1-",
    ] {
        let said = refused(&one(bad));
        assert!(
            said.contains(&format!("regions names what is no region: {bad:?}")),
            "{said}"
        );
    }
}

#[test]
fn what_asking_costs_bounds_it() {
    let one = |text: &str| format!("[connectors.loki.main]\nurl = \"http://host\"\n{text}\n");
    for (text, key, wanted) in [
        (
            "dollars = 0.1",
            "loki.main",
            "bounds money, and nothing costs any",
        ),
        (
            "prices = { request = -1.0 }",
            ".prices.request",
            "no sum of money",
        ),
        (
            "prices = { gigabyte = nan }",
            ".prices.gigabyte",
            "no sum of money",
        ),
        (
            "prices = { gigabyte = 0.005 }\ndollars_per_hour = 0.0",
            ".dollars_per_hour",
            "no sum of money",
        ),
        (
            "prices = { request = 0.01 }\ndollars = 0.001",
            "loki.main.dollars",
            "pays not one request",
        ),
        (
            "prices = { gigabytes = 0.005 }",
            "midwatch.toml:3:12",
            "did you mean `gigabyte`?",
        ),
    ] {
        let said = refused(&one(text));
        assert!(
            said.contains(wanted) && said.contains(key),
            "{text}: {said}"
        );
    }
    let said = one("prices = { request = 0.00001, gigabyte = 0.005 }\ndollars = 0.1");
    let config = parse(&said, "x").unwrap();
    let bounds = config.connectors.loki["main"].pulled().bounds;
    let budget = bounds.budget(connectors::pull::Budget::default());
    assert_eq!(budget.rates.request, 10_000);
    assert_eq!(budget.rates.gigabyte, 5_000_000);
    // What is not said stays as usual.
    assert_eq!(budget.money.look, 100_000_000);
    assert_eq!(budget.money.hour, 1_000_000_000);
}

#[test]
fn every_connector_that_can_be_configured_is_in_the_catalogue_and_no_other() {
    let whole = Table::whole();
    let section = whole.tables.iter().find(|table| table.name == "connectors");
    let section = section.expect("the section of connectors");
    assert!(section.keys.is_empty(), "each is a table of its own");
    let tables: BTreeSet<&str> = section.tables.iter().map(|one| one.name.as_str()).collect();
    let lines: BTreeSet<&str> = CATALOG.iter().map(|line| line.key).collect();
    assert_eq!(tables, lines, "left: config.rs, right: catalog.rs");
    let told = Config::default().connectors.configured();
    assert_eq!(told.into_keys().collect::<BTreeSet<_>>(), lines);
    // Names are told as other commands tell them.
    let text = "[connectors.payledger]\ncontrol_plane = \"http://host\"\n[connectors.loki.main]\nurl = \"http://host\"\n";
    let told = parse(text, "x").unwrap().connectors.configured();
    assert_eq!(told["payledger"], ["payledger"]);
    assert_eq!(told["loki"], ["loki.main"]);
    assert!(told["tempo"].is_empty());
}

#[test]
fn every_key_says_what_may_stand_there_and_whether_it_must() {
    let table = Table::of_connector("prometheus").expect("it can be configured");
    assert_eq!(table.head, "[connectors.prometheus.NAME]");
    let key = |table: &Table, name: &str| {
        let found = table.keys.iter().find(|key| key.name == name);
        let key = found.unwrap_or_else(|| panic!("{name}")).clone();
        (key.holds.clone(), key.unset())
    };
    let needed = Some("needed".to_string());
    assert_eq!(key(&table, "url"), ("text".to_string(), needed));
    for (name, holds) in [
        ("match", "text"),
        ("labels", "{ NAME = text }"),
        ("series", "whole number"),
        ("bytes", "bytes"),
        ("step", "length"),
        ("dollars", "number"),
    ] {
        assert_eq!(key(&table, name), (holds.to_string(), None), "{name}");
    }
    assert_eq!(table.tables[0].head, "[connectors.prometheus.NAME.prices]");
    let guest = Table::of_connector("payledger").expect("it can be configured");
    let unless = Some("false unless it is set".to_string());
    assert_eq!(key(&guest, "hands"), ("true or false".to_string(), unless));
    let aws = Table::of_connector("aws").expect("it can be configured");
    let mut heads = Vec::new();
    let mut left = vec![&aws];
    while let Some(table) = left.pop() {
        heads.push(table.head.as_str());
        left.extend(table.tables.iter().rev());
        assert!(!table.about.is_empty(), "{}", table.head);
        for key in &table.keys {
            assert!(!key.about.is_empty(), "{} {}", table.head, key.name);
            assert_ne!(key.holds, "value", "{} {}", table.head, key.name);
        }
    }
    assert_eq!(
        heads,
        [
            "[connectors.aws.NAME]",
            "[connectors.aws.NAME.hands]",
            "[[connectors.aws.NAME.hands.traffic]]",
            "[[connectors.aws.NAME.hands.runbooks]]",
            "[[connectors.aws.NAME.hands.builds]]",
            "[connectors.aws.NAME.accounts.NAME]",
        ]
    );
    assert!(Table::of_connector("nothing").is_none());
    assert!(reference().contains("\n#[[connectors.aws.NAME.hands.builds]]\n#"));
}
