//! Public incident sets: a whole folder in one text. A line `== PATH` begins a file, `.gz` is packed here.
#![no_main]

use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use connectors::files::datasets::{Suite, cases, load};
use libfuzzer_sys::fuzz_target;

/// Files of one folder; more would only be slower.
const MOST_FILES: usize = 24;

fn spread(root: &Path, bytes: &[u8]) -> Option<()> {
    let mut file: Option<(PathBuf, Vec<u8>)> = None;
    let mut files = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b"== ") {
            Some(path) => {
                let path = PathBuf::from(std::str::from_utf8(path).ok()?.trim_end());
                let honest = |part| matches!(part, Component::Normal(_));
                if !path.components().all(honest) || path.as_os_str().len() > 120 {
                    return None;
                }
                files.extend(file.replace((path, Vec::new())));
            }
            None => file.as_mut()?.1.extend_from_slice(line),
        }
    }
    files.extend(file);
    for (path, content) in files.iter().take(MOST_FILES) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent()?).ok()?;
        let mut out = std::fs::File::create(&path).ok()?;
        if path.extension().is_some_and(|ending| ending == "gz") {
            let mut packed = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
            packed.write_all(content).ok()?;
            packed.finish().ok()?;
        } else {
            out.write_all(content).ok()?;
        }
    }
    Some(())
}

fuzz_target!(|bytes: &[u8]| {
    // In memory where the system has a place for that.
    let shm = Path::new("/dev/shm");
    let place = if shm.is_dir() {
        shm.to_path_buf()
    } else {
        std::env::temp_dir()
    };
    let Ok(folder) = tempfile::tempdir_in(place) else {
        return;
    };
    if spread(folder.path(), bytes).is_none() {
        return;
    }
    for suite in Suite::ALL {
        for case in cases(suite, folder.path()).into_iter().flatten().take(4) {
            let _ = load(&case);
        }
    }
});
