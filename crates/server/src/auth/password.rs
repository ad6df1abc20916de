//! Hashes of passwords: Argon2id (RFC 9106), kept in the PHC string format.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Cost {
    /// The least memory among the settings that OWASP's password storage cheat sheet holds to be equal in strength:
    /// 7 MiB and five passes, so that a few at once take no memory that the watch needs.
    pub const USUAL: Self = Self {
        memory: 7_168,
        passes: 5,
    };
    /// The least that Argon2 takes; only for tests, which sign in often.
    pub const LEAST: Self = Self {
        memory: 8,
        passes: 1,
    };
}

/// Bytes of a salt.
pub const SALT: usize = 16;
/// Bytes of a hash.
const HASH: usize = 32;
/// More than that is no setting of ours, and a hash that asks for it is not computed.
const MOST: Cost = Cost {
    memory: 65_536,
    passes: 16,
};

/// The shortest password, in characters.
pub const SHORTEST: usize = 12;
/// The longest, in bytes: it is hashed whole.
pub const LONGEST: usize = 256;

/// Why a password will not do, for the person who chose it.
pub fn weak(password: &str, name: &str) -> Option<String> {
    if password.chars().count() < SHORTEST {
        return Some(format!("a password has at least {SHORTEST} characters"));
    }
    if password.len() > LONGEST {
        return Some(format!("a password has at most {LONGEST} bytes"));
    }
    let mut kinds: Vec<char> = password.chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() < 5 {
        return Some("a password has at least five different characters".to_string());
    }
    let (password, name) = (password.to_lowercase(), name.to_lowercase());
    if name.len() >= 4 && password.replace(&name, "").chars().count() < SHORTEST / 2 {
        return Some("a password is more than the account's name".to_string());
    }
    None
}

/// A password's hash under that salt, as a PHC string; `None` if the cost is impossible.
pub fn hash(password: &str, salt: &[u8], cost: Cost) -> Option<String> {
    let digest = digest(password, salt, cost)?;
    Some(format!(
        "$argon2id$v=19$m={},t={},p=1${}${}",
        cost.memory,
        cost.passes,
        BASE64.encode(salt),
        BASE64.encode(digest)
    ))
}

/// Is it the password of that hash? Never of one that cannot be read.
pub fn fits(password: &str, phc: &str) -> bool {
    let Some((cost, salt, kept)) = read(phc) else {
        return false;
    };
    // A wrong length would be refused by the hash alone; a long text must not be hashed at a stranger's wish.
    if password.len() > LONGEST {
        return false;
    }
    let Some(found) = digest(password, &salt, cost) else {
        return false;
    };
    // Comparing digests of both takes the same time wherever they differ.
    blake3::hash(&found) == blake3::hash(&kept)
}

fn digest(password: &str, salt: &[u8], cost: Cost) -> Option<[u8; HASH]> {
    let params = Params::new(cost.memory, cost.passes, 1, Some(HASH)).ok()?;
    let mut out = [0; HASH];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut out)
        .ok()?;
    Some(out)
}

fn read(phc: &str) -> Option<(Cost, Vec<u8>, Vec<u8>)> {
    let mut parts = phc.strip_prefix("$argon2id$v=19$")?.split('$');
    let (costs, salt, kept) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let mut numbers = costs.split(',');
    let mut number = |name: &str| -> Option<u32> {
        numbers
            .next()?
            .strip_prefix(name)?
            .strip_prefix('=')?
            .parse()
            .ok()
    };
    let cost = Cost {
        memory: number("m")?,
        passes: number("t")?,
    };
    let honest = number("p")? == 1 && cost.memory <= MOST.memory && cost.passes <= MOST.passes;
    honest.then_some(())?;
    Some((cost, BASE64.decode(salt).ok()?, BASE64.decode(kept).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_its_password_and_no_other() {
        let one = hash("correct horse battery", &[7; SALT], Cost::LEAST).unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{one}");
        assert!(fits("correct horse battery", &one));
        assert!(!fits("correct horse batterY", &one));
        assert!(!fits("", &one));
        let other = hash("correct horse battery", &[8; SALT], Cost::LEAST).unwrap();
        assert_ne!(one, other);
    }

    /// Computed with the reference implementation of Argon2 (`echo -n password | argon2 somesalt -id -t 2 -k 256 -p 1`
    /// in its own tests): so a hash of ours can be checked by others.
    #[test]
    fn hashes_are_those_of_others() {
        let others =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert!(fits("password", others));
        assert!(!fits("passwore", others));
    }

    #[test]
    fn what_is_no_hash_fits_nothing() {
        for bad in [
            "",
            "$",
            "$argon2id$v=19$",
            "$argon2id$v=19$m=8,t=1,p=1$AAAA$",
            "$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$AAAA",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA$x",
            "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA",
        ] {
            assert!(!fits("", bad) && !fits("x", bad), "{bad}");
        }
    }

    #[test]
    fn weak_ones_are_named() {
        for (password, name, good) in [
            ("correct horse battery", "anna", true),
            ("short", "anna", false),
            ("aaaaaaaaaaaaaaaa", "anna", false),
            ("anna.smith.123", "anna.smith", false),
            (&"long enough ".repeat(30), "anna", false),
        ] {
            assert_eq!(weak(password, name).is_none(), good, "{password}");
        }
    }
}
