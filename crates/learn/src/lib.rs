//! Closed incident to lessons; lessons to the next report; scores. It only reads.
