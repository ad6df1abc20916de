//! One folder per vendor; the last place that knows a vendor's words.
