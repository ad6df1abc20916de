use super::*;

/// A house with these spaces: name, and what its file says.
fn house(spaces: &[(&str, &str)]) -> (tempfile::TempDir, House) {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("[telemetry]\ngrpc = \"127.0.0.1:0\"\n");
    for (name, said) in spaces {
        std::fs::write(folder.path().join(format!("{name}.toml")), said).unwrap();
        text += &format!("[spaces.{name}]\nconfig = \"{name}.toml\"\n");
    }
    let file = folder.path().join("midwatch.toml");
    std::fs::write(&file, text).unwrap();
    let house = House::of(Some(&file)).unwrap();
    (folder, house)
}

/// What each space is: the folder relative to the house's file, or what is wrong with it.
fn table(spaces: &[(&str, &str)]) -> Vec<String> {
    let (folder, house) = house(spaces);
    let told = |text: String| {
        text.replace(&folder.path().display().to_string(), "")
            .replace(&real(folder.path()).display().to_string(), "")
    };
    let others = house.others().into_iter();
    others
        .map(|(name, space)| match space {
            Ok(space) => told(format!("{name} {}", space.data().display())),
            Err(problem) => told(format!("{name}: {problem}")),
        })
        .collect()
}

const FREE: &str = "[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";

#[test]
fn each_space_has_a_folder_of_its_own() {
    let own = format!("{FREE}[store]\npath = \"elsewhere\"\n");
    assert_eq!(
        table(&[("a", FREE), ("b-2", FREE), ("c", &own)]),
        [
            "a /midwatch-data/spaces/a",
            "b-2 /midwatch-data/spaces/b-2",
            "c /elsewhere"
        ]
    );
}

#[test]
fn what_two_would_have_is_refused_for_the_later() {
    let of = |said: &str| format!("{FREE}{said}");
    for (spaces, wanted) in [
        (
            vec![("a", of("[store]\npath = \"midwatch-data\"\n"))],
            "a: the data folder /midwatch-data of the space a is that of the space main",
        ),
        (
            vec![(
                "a",
                of("[store]\npath = \"x/../midwatch-data/telemetry\"\n"),
            )],
            "a: the data folder /midwatch-data/telemetry of the space a is that of the space main, or one lies within",
        ),
        (
            vec![
                ("a", FREE.to_string()),
                ("b", of("[store]\npath = \"midwatch-data/spaces/a\"\n")),
            ],
            "b: the data folder /midwatch-data/spaces/a of the space b is that of the space a",
        ),
        (
            vec![("a", String::new())],
            "a: telemetry.http of the space a is 127.0.0.1:4318, which is telemetry.http of the space main (/a.toml); set telemetry.http to another address, or to port 0",
        ),
        (
            vec![(
                "a",
                "[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"0.0.0.0:4318\"\n".to_string(),
            )],
            "a: telemetry.http of the space a is 0.0.0.0:4318",
        ),
        (
            vec![("a", of("[server]\nlisten = \"127.0.0.1:0\"\n"))],
            "a: [server] is set in the configuration of a space; there is one API",
        ),
        (
            vec![("a", of("[spaces.b]\nconfig = \"b.toml\"\n"))],
            "a: [spaces] is set in the configuration of a space; spaces hold no spaces",
        ),
        (
            vec![("a", "[act]\ncool = 1\n".to_string())],
            "a: unknown field `cool`",
        ),
    ] {
        let spaces: Vec<(&str, &str)> = spaces.iter().map(|(n, s)| (*n, s.as_str())).collect();
        let said = table(&spaces);
        assert!(
            said.last().unwrap().starts_with(wanted),
            "{wanted}\n{said:?}"
        );
    }
}

#[test]
fn a_space_that_cannot_be_keeps_no_other_from_being() {
    let said = table(&[("a", "nonsense"), ("b", FREE), ("c", "")]);
    assert!(said[0].starts_with("a: "), "{said:?}");
    assert_eq!(said[1], "b /midwatch-data/spaces/b");
    assert!(said[2].starts_with("c: telemetry.http"), "{said:?}");
}

#[test]
fn names_fit_into_addresses_and_a_slip_is_told() {
    for name in ["main", "Team", "a_b", "-a", "\"\"", "\"a/b\""] {
        let text = format!("[spaces.{name}]\nconfig = \"x.toml\"\n");
        let problem = crate::config::parse(&text, "midwatch.toml").unwrap_err();
        assert!(problem.what.starts_with("spaces."), "{problem}");
    }
    let (_folder, house) = house(&[("payments", FREE)]);
    assert_eq!(house.within("payments").unwrap().space(), "payments");
    assert_eq!(house.within("main").unwrap().space(), "main");
    let problem = house.within("paymets").err().unwrap();
    assert!(
        problem.remedy.contains("did you mean \"payments\"?"),
        "{problem}"
    );
    let problem = house.within("zzz").err().unwrap();
    assert!(problem.remedy.contains("main, payments"), "{problem}");
}
