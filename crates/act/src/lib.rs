//! Report to plan to gate to run to verify. The only room with hands.
