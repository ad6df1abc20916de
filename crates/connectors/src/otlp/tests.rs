//! Requests as senders write them, and as they do not.
