//! What users ask: verdict, tip-over and recovery load, headroom, states, critical triggers.
//!
//! [`study`] compiles a model; [`landscape`] finds its branches, equilibria and escapes; [`limits`] reads the tip-over and
//! recovery load off a branch (`detached` where the collapsed state is not on it); [`triggers`] finds critical sizes and durations, [`odds`] how they are spread over runs,
//! [`critical_curve`] one against the other; [`against`] holds the answers to request-level simulation; [`collapse`] says how
//! long the good state lasts under noise; [`compare`] puts designs side by side; [`analysis`] puts the answers together as
//! the document that every report prints; [`checks`] look for the usual causes; [`gate`] holds it to a condition; [`closures`] says how far
//! the equations of each component are from simulation; [`closed_forms`] holds published
//! formulas that are printed beside the answers and that tests hold them to.

pub mod against;
pub mod amplification;
pub mod analysis;
pub mod checks;
pub mod closed_forms;
pub mod closures;
pub mod collapse;
pub mod compare;
pub mod critical_curve;
mod detached;
pub mod fitting;
pub mod gate;
pub mod landscape;
pub mod limits;
pub mod odds;
pub mod rules;
pub mod sensitivity;
pub mod study;
pub mod thresholds;
pub mod triggers;
pub mod watch;
