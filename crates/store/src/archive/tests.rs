//! Archives, honest and hostile.

use proptest::prelude::*;

use super::*;

/// An archive of hand-made entries: name, kind, bytes.
fn forged(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        // The safe setters refuse such names; an attacker's tool does not.
        let field = &mut header.as_gnu_mut().unwrap().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    zstd::encode_all(&tar.into_inner().unwrap()[..], 1).unwrap()
}

fn refused(bytes: &[u8], limits: &Limits) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.tar.zst");
    fs::write(&path, bytes).unwrap();
    let error = unpack(&path, limits).expect_err("was unpacked").to_string();
    assert!(
        error.contains("r.tar.zst") && error.contains("Remedy:"),
        "{error}"
    );
    error
}

const FILE: tar::EntryType = tar::EntryType::Regular;

#[test]
fn what_is_packed_is_unpacked_and_the_bytes_are_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("r");
    fs::create_dir_all(root.join("metrics/deep")).unwrap();
    fs::create_dir_all(root.join("logs")).unwrap();
    fs::write(root.join("recording.json"), "{}").unwrap();
    fs::write(root.join("metrics/deep/a.csv"), "time\n").unwrap();
    let long = format!("metrics/{}.csv", "x".repeat(180));
    fs::write(root.join(&long), "long").unwrap();
    fs::write(root.join(".hidden"), "no").unwrap();
    let (one, two) = (
        folder.path().join("1.tar.zst"),
        folder.path().join("2.tar.zst"),
    );
    pack(&root, &one).unwrap();
    pack(&root, &two).unwrap();
    assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
    assert!(is_archive(&one) && !is_archive(&root));
    assert!(matches!(
        pack(&root, &one),
        Err(ArchiveError::Exists { .. })
    ));
    let out = unpack(&one, &Limits::default()).unwrap();
    assert_eq!(
        fs::read_to_string(out.path().join("metrics/deep/a.csv")).unwrap(),
        "time\n"
    );
    assert_eq!(fs::read_to_string(out.path().join(long)).unwrap(), "long");
    assert!(out.path().join("logs").is_dir() && !out.path().join(".hidden").exists());
    assert_eq!(super::root(out.path()), out.path());
    assert_eq!(super::root(folder.path()), root);
    let place = out.path().to_path_buf();
    drop(out);
    assert!(!place.exists());
}

#[test]
fn entries_that_no_honest_recording_has() {
    let limits = Limits::default();
    let one = |name: &str, kind| refused(&forged(&[(name, kind, b"x")]), &limits);
    assert!(one("../escape", FILE).contains("`..`"));
    assert!(one("a/../../escape", FILE).contains("`..`"));
    assert!(one("/etc/passwd", FILE).contains("absolute"));
    assert!(one("C:\\x", FILE).contains("elsewhere"));
    let special = |kind| refused(&forged(&[("link", kind, b"")]), &limits);
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Char,
        tar::EntryType::Block,
        tar::EntryType::Fifo,
        tar::EntryType::GNUSparse,
    ] {
        let _ = special(kind);
    }
    let twice = forged(&[("a", FILE, b"x"), ("A", FILE, b"y")]);
    assert!(refused(&twice, &limits).contains("twice"));
    let both = forged(&[("a", FILE, b"x"), ("a/b", FILE, b"y")]);
    assert!(refused(&both, &limits).contains("both"));
    let both = forged(&[("a/b", FILE, b"x"), ("a", FILE, b"y")]);
    assert!(refused(&both, &limits).contains("both"));
    let deep = "d/".repeat(40) + "f";
    assert!(refused(&forged(&[(&deep, FILE, b"x")]), &limits).contains("deep"));
}

#[test]
fn bombs_and_claims() {
    let small = Limits {
        entries: 3,
        bytes: 1000,
        ..Limits::default()
    };
    let many: Vec<String> = (0..5).map(|i| i.to_string()).collect();
    let many: Vec<_> = many.iter().map(|n| (n.as_str(), FILE, &b"x"[..])).collect();
    assert!(refused(&forged(&many), &small).contains("entries"));
    assert!(refused(&forged(&[("a", FILE, &[0; 2000])]), &small).contains("bytes"));
    // A header that claims two petabytes is refused before anything is written.
    let mut header = tar::Header::new_gnu();
    header.set_path("metrics/m.csv").unwrap();
    header.set_size(2 << 50);
    header.set_cksum();
    let claim = zstd::encode_all(header.as_bytes().as_slice(), 1).unwrap();
    assert!(refused(&claim, &Limits::default()).contains("bytes"));
    let zeros = zstd::encode_all(io::repeat(0).take(300 << 20), 1).unwrap();
    assert!(refused(&zeros, &Limits::default()).contains("bomb"));
}

#[test]
fn what_stands_between_files_is_not_held_without_bounds() {
    // It is packed so little that its density is that of an honest recording.
    let mut noise = vec![0; 1 << 20];
    let mut state = 1_u64;
    for byte in &mut noise {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        *byte = (state >> 56) as u8;
    }
    let long = vec![b'a'; 8 << 20];
    for kind in [
        tar::EntryType::GNULongName,
        tar::EntryType::GNULongLink,
        tar::EntryType::XHeader,
        tar::EntryType::XGlobalHeader,
        tar::EntryType::Directory,
    ] {
        let bytes = forged(&[
            ("noise", FILE, &noise),
            ("x", kind, &long),
            ("b", FILE, b"b"),
        ]);
        assert!(
            refused(&bytes, &Limits::default()).contains("bomb"),
            "{kind:?}"
        );
    }
    // As long as people's tools make them, they are read.
    let name = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    let bytes = forged(&[
        ("noise", FILE, &noise),
        ("x", tar::EntryType::GNULongName, name.as_bytes()),
        ("b", FILE, b"b"),
    ]);
    let to = tempfile::tempdir().unwrap();
    unpack_from(
        &bytes[..],
        bytes.len() as u64,
        "r",
        to.path(),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(fs::read(to.path().join(name)).unwrap(), b"b");
}

#[test]
fn names_are_held_within_bounds() {
    let mut names = Names::default();
    let deep = vec!["d".repeat(250); 15].join("/");
    let outcome = (0..20_000).try_for_each(|n| names.file(PathBuf::from(format!("{n}/{deep}/f"))));
    assert!(outcome.is_err_and(|why| why.contains("names")));
    assert!(names.bytes < NAMES + 4_096);
}

#[test]
fn archives_that_end_early() {
    let whole = forged(&[("a", FILE, &[7; 100_000])]);
    assert!(refused(&whole[..whole.len() / 2], &Limits::default()).contains("whole"));
    assert!(refused(b"not an archive", &Limits::default()).contains("whole"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_are_unpacked_or_refused(tar in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let packed = zstd::encode_all(&tar[..], 1).unwrap();
        let to = tempfile::tempdir().unwrap();
        let _ = unpack_from(&packed[..], packed.len() as u64, "r", to.path(), &Limits::default());
        let _ = unpack_from(&tar[..], tar.len() as u64, "r", to.path(), &Limits::default());
    }
}
