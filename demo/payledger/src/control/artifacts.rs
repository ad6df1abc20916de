//! The builds of the functions' code that can be deployed, each with its commit and diff.

use serde::Serialize;

/// One build of one function.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Build {
    /// Whose.
    pub function: &'static str,
    /// Its number, as text.
    pub version: &'static str,
    /// The commit it was made from.
    pub commit: &'static str,
    /// Who wrote it.
    pub author: &'static str,
    /// What the commit says.
    pub title: &'static str,
    /// Against the build before it; empty for the first known.
    pub diff: &'static str,
}

const BUILDS: [Build; 8] = [
    Build {
        function: "createTransaction",
        version: "41",
        commit: "5d0c1b7",
        author: "mei.tan",
        title: "Ask the provider once per idempotency key",
        diff: "",
    },
    Build {
        function: "createTransaction",
        version: "42",
        commit: "9e4af02",
        author: "mei.tan",
        title: "Say in the log which account was credited",
        diff: include_str!("../../artifacts/createTransaction-42.diff"),
    },
    Build {
        function: "listTransactions",
        version: "17",
        commit: "81b2d3e",
        author: "arif.rahman",
        title: "Newest first",
        diff: "",
    },
    Build {
        function: "listTransactions",
        version: "18",
        commit: "c7731aa",
        author: "arif.rahman",
        title: "Name the page size",
        diff: include_str!("../../artifacts/listTransactions-18.diff"),
    },
    Build {
        function: "getBalance",
        version: "23",
        commit: "2ab90f4",
        author: "arif.rahman",
        title: "Read the running total",
        diff: "",
    },
    Build {
        function: "getBalance",
        version: "24",
        commit: "d16e5c8",
        author: "arif.rahman",
        title: "Report settled amounts",
        diff: include_str!("../../artifacts/getBalance-24.diff"),
    },
    Build {
        function: "health",
        version: "5",
        commit: "f0338d1",
        author: "mei.tan",
        title: "Look at every function of the region",
        diff: "",
    },
    Build {
        function: "health",
        version: "6",
        commit: "3c9d440",
        author: "mei.tan",
        title: "Shorten the answer",
        diff: include_str!("../../artifacts/health-6.diff"),
    },
];

/// One build.
pub fn find(function: &str, version: &str) -> Option<&'static Build> {
    BUILDS
        .iter()
        .find(|build| build.function == function && build.version == version)
}

/// The builds of one function, oldest first.
pub fn versions(function: &str) -> Vec<&'static str> {
    BUILDS
        .iter()
        .filter(|build| build.function == function)
        .map(|build| build.version)
        .collect()
}
