//! Senders of all manners.
