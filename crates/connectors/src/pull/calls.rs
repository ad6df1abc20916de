//! What may be asked of a server over HTTP. Each connector has one table; what is not in it is refused before it leaves,
//! and whoever stands before a server (a proxy, a gateway) can let through just this. All of it reads.

/// One thing that may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its path below the server's address; `*` stands for one part of it that is a name.
    pub path: &'static str,
    /// May the question come in the body of a POST, where it is too long for an address? It alters as little as a GET.
    pub may_post: bool,
    /// What it is good for, for whoever lets it through.
    pub why: &'static str,
}

/// What a connector asks, and what its credential has to be allowed for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// All that it asks.
    pub calls: &'static [Call],
    /// What to grant, in the vendor's own words; empty where there is nothing finer than to be let in.
    pub grant: &'static str,
}

impl Call {
    /// That is only ever asked by its address.
    pub const fn get(path: &'static str, why: &'static str) -> Self {
        Self {
            path,
            may_post: false,
            why,
        }
    }

    /// That may be too long for an address.
    pub const fn long(path: &'static str, why: &'static str) -> Self {
        Self {
            path,
            may_post: true,
            why,
        }
    }

    /// Is it at this path? A name is one part, and never one that leads elsewhere.
    pub fn is_at(&self, path: &str) -> bool {
        let mut parts = path.split('/');
        let fits = |mask: &str| {
            parts.next().is_some_and(|part| match mask {
                "*" => !matches!(part, "" | "." | "..") && !part.contains(['?', '#']),
                mask => mask == part,
            })
        };
        self.path.split('/').all(fits) && parts.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: Call = Call::get("/repos/*/*/commits/*", "a commit");

    #[test]
    fn a_name_is_one_part_and_leads_nowhere_else() {
        for (path, fits) in [
            ("/repos/shop/cart/commits/7f", true),
            ("/repos/shop/cart/commits", false),
            ("/repos/shop/cart/commits/", false),
            ("/repos/shop/cart/commits/..", false),
            ("/repos/shop/cart/commits/7f?x", false),
            ("/repos/shop/cart/commits/7f/comments", false),
            ("/repos//cart/commits/7f", false),
            ("repos/shop/cart/commits/7f", false),
            ("", false),
        ] {
            assert_eq!(COMMIT.is_at(path), fits, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_path_leads_elsewhere(
            path in "(/repos)?(/[a-z*.?#%]{0,3}){0,3}(/commits)?(/[a-z*.?#%]{0,3}){0,2}",
        ) {
            if COMMIT.is_at(&path) {
                let parts: Vec<&str> = path.split('/').collect();
                proptest::prop_assert_eq!((parts.len(), parts[1], parts[4]), (6, "repos", "commits"));
                proptest::prop_assert!(!parts[1..].iter().any(|part| ["", ".", ".."].contains(part)));
                proptest::prop_assert!(!path.contains(['?', '#']));
            }
        }
    }
}
