//! How much of a recording one process takes in before it says no.

/// Bounds that keep a hostile or mistaken recording from eating the machine. The defaults fit a
/// recording of a 10,000-entity estate in under 2 GB of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Files in the folder.
    pub files: usize,
    /// Bytes of all files together, as they lie on the disk.
    pub total_bytes: u64,
    /// Bytes of one compressed file once expanded.
    pub expanded_bytes: u64,
    /// Expanded bytes per compressed byte, tested once more than 64 MiB have come out.
    pub ratio: u64,
    /// Bytes of one line of a log, span, metric or event file.
    pub line_bytes: usize,
    /// Bytes of one line that carries a whole export request (OTLP/JSON).
    pub request_bytes: usize,
    /// Bytes of one document that must be in memory at once (a JSON array, a vendor's answer).
    pub document_bytes: usize,
    /// Metric points of the whole recording.
    pub points: u64,
    /// Different series of the whole recording.
    pub series: usize,
    /// Different entities of the whole recording.
    pub entities: usize,
    /// Folders within folders.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            files: 100_000,
            total_bytes: 64 << 30,
            expanded_bytes: 64 << 30,
            ratio: 1_000,
            line_bytes: 4 << 20,
            request_bytes: 64 << 20,
            document_bytes: 256 << 20,
            points: 64_000_000,
            series: 2_000_000,
            entities: 1_000_000,
            depth: 16,
        }
    }
}
