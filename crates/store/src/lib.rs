//! Recordings: a documented folder or archive, opened in bounded memory.
