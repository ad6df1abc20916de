//! What the engine promises, held against small invented incidents.
//!
//! `cases` tells them; `verdicts` says what is true of each; `precedents` what earlier incidents may add;
//! `containers` what is known of services of ECS; `readiness` what could be told before anything happens; `determinism`,
//! `invariance`, `evidence` and `hostile` say what must hold for any.

mod cases;
mod containers;
mod determinism;
mod evidence;
mod hostile;
mod invariance;
mod machines;
mod precedents;
mod readiness;
mod verdicts;
