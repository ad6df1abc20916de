//! A ZIP archive of one file, as Lambda wants its code: stored, not compressed, and the same bytes each time.

use crate::failure::Failure;

/// 1 January 2022, so that the same code is the same archive.
const DATE: [u8; 4] = [0, 0, 0x21, 0x54];
/// May be read by everybody: Lambda runs the code as another user.
const READABLE: u32 = 0o100_644 << 16;

/// The archive.
pub(super) fn of(name: &str, text: &str) -> Result<Vec<u8>, Failure> {
    let too_large = |_| Failure::new(format!("{name} is too large for an archive"));
    let length = u32::try_from(text.len()).map_err(too_large)?;
    let mut sum = flate2::Crc::new();
    sum.update(text.as_bytes());
    // Version, flags, method, time and date, checksum, both sizes, length of the name, no more fields.
    let mut both = vec![20, 0, 0, 0, 0, 0];
    both.extend(DATE);
    both.extend(sum.sum().to_le_bytes());
    both.extend(length.to_le_bytes());
    both.extend(length.to_le_bytes());
    let named = u16::try_from(name.len()).map_err(too_large)?;
    both.extend(named.to_le_bytes());
    both.extend([0, 0]);
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend(&both);
    zip.extend(name.as_bytes());
    zip.extend(text.as_bytes());
    let directory = zip.len();
    // Made on Unix: the attributes are its file modes.
    zip.extend(b"PK\x01\x02\x14\x03");
    zip.extend(&both);
    // No comment, first disk, a binary file.
    zip.extend([0; 6]);
    zip.extend(READABLE.to_le_bytes());
    // It begins at the beginning.
    zip.extend([0; 4]);
    zip.extend(name.as_bytes());
    let entry = u32::try_from(zip.len() - directory).map_err(too_large)?;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend(entry.to_le_bytes());
    zip.extend(u32::try_from(directory).map_err(too_large)?.to_le_bytes());
    zip.extend([0, 0]);
    Ok(zip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_can_be_opened_by_others() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("code.zip");
        std::fs::write(&file, of("ledger.py", "print('here')\n").unwrap()).unwrap();
        // Lambda opens it with Python.
        let Ok(ran) = std::process::Command::new("python3").arg(&file).output() else {
            return;
        };
        // There is no `__main__.py` in it, which only whoever could open it says.
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(said.contains("__main__"), "{said}");
        assert_eq!(of("a", "b").unwrap(), of("a", "b").unwrap());
    }
}
