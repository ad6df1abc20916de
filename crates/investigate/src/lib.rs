//! Incident to report; it can only look.
