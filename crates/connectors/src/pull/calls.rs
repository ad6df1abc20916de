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

/// May this be asked?
pub(super) fn are_in(calls: &[Call], path: &str, posted: bool) -> bool {
    let mut calls = calls.iter();
    calls.any(|call| call.is_at(path) && (call.may_post || !posted))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: [Call; 2] = [
        Call::get("/repos/*/*/commits/*", "a commit"),
        Call {
            may_post: true,
            ..Call::get("/api/v1/query", "a question")
        },
    ];

    #[test]
    fn what_is_in_the_table_is_asked_and_nothing_else() {
        for (path, posted, may) in [
            ("/repos/shop/cart/commits/7f", false, true),
            ("/repos/shop/cart/commits/7f", true, false),
            ("/repos/shop/cart/commits", false, false),
            ("/repos/shop/cart/commits/", false, false),
            ("/repos/shop/cart/commits/..", false, false),
            ("/repos/shop/cart/commits/7f?x", false, false),
            ("/repos/shop/cart/commits/7f/comments", false, false),
            ("/repos//cart/commits/7f", false, false),
            ("/api/v1/query", true, true),
            ("/api/v1/query_range", true, false),
            ("api/v1/query", true, false),
            ("", false, false),
        ] {
            assert_eq!(are_in(&CALLS, path, posted), may, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_path_leads_out_of_the_table(path in "(/[a-z*.?#%]{0,4}){0,7}") {
            if are_in(&CALLS, &path, false) && path != "/api/v1/query" {
                proptest::prop_assert!(path.starts_with("/repos/") && path.contains("/commits/"));
                proptest::prop_assert!(path.split('/').all(|part| part != ".." && part != "."));
            }
        }
    }
}
