//! A two-region payment ledger that really runs, and can be broken in known ways.
