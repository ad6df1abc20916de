use super::{Config, parse, reference};

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
        ("[telemetry]\ngrpc = \"localhost\"\n", "socket address"),
        ("[watch]\nevery = \"0s\"\n", "must be longer than nothing"),
        ("[watch\n", "midwatch.toml:1:"),
    ] {
        let said = refused(text);
        assert!(said.contains(wanted), "{text:?}: {said}");
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
