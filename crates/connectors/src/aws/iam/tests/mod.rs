//! Verdicts as data; laws that every verdict obeys.

mod laws;
mod rules;
mod vectors;
