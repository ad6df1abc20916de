//! A detector of our own.
