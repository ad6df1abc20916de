//! Report to plan to gate to run to verify. The only room with hands.
//!
//! The four doors are called in this order, each once per duty, by the watch:
//! [`plan::propose`] finds the safest way back; [`gate::Gate::ask`] says Go, Ask or Refuse, and is asked again
//! when the plan is to be run; [`run::advance`] performs what the gate let through, intent before deed;
//! [`verify::check`] holds fresh telemetry against what the plan promised.
//!
//! Invariants upheld here: **J1** only the gate can make a [`gate::ClearedPlan`], and only such a plan is
//! performed. **J2** no action is performed twice ([`run`]). **J4** a run ends completed, unwound or stuck.

pub mod gate;
pub mod plan;
pub mod run;
pub mod verify;
