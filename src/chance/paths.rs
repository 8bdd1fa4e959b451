//! Stochastic paths of a population process: every event at its own instant, delays included.
//!
//! Each event j of [`Process::all_events`](crate::process::population::Process::all_events) is a renewal process run by
//! an internal clock (random time change, Kurtz 1980; modified next reaction method, Anderson 2007):
//!
//! ```text
//! N_j(t) = Y_j(∫₀ᵗ a_j(x(s)) ds)          a_j rate in 1/s, Y_j counts renewals of mean spacing 1
//! x(t) = x(0) + Σ_j Σ_n jump of the n-th event j + Σ delayed jumps that have landed + ∫ flow
//! ```
//!
//! The spacing of Y_j is Exp(1), or gamma with squared coefficient of variation = dispersion of the event, whose count
//! has that variance per mean over long spans. Every event has its own random stream, so two paths of one seed that differ
//! in when a trigger ends coincide until then, and stay close after (common random numbers).
//!
//! **Delays** are constants of the parameters: consequences wait in one queue for each delay, first in, first out.
//! **Lagged states** in rates, and rates that name `t`, are brought up to date at fixed ticks, as are **flows** (between
//! ticks by Heun's method with its step held by the difference from Euler's). **Guards:** a jump that would leave the domain
//! [lower, upper] of a state does not happen, as a whole. A negative rate counts as zero.
//!
//! **Jump scale h**: jumps h·ν at rates a/h. That is the same process in a system 1/h times as large, seen per unit of size
//! (van Kampen 1961; Kurtz 1970): same fluid limit, variance proportional to h.
//!
//! Rates are re-evaluated only where a state they read has changed (dependency graph, Gibson & Bruck 2000). Outcome
//! probabilities that read one or two states are remembered by the values of these.

mod clock;
mod ensemble;
mod flow;
mod gauge;
mod machine;
mod path;
mod snapshot;
mod table;

pub use ensemble::{Bands, Run, bands, outcome};
pub use machine::{Machine, MachineError};
pub use path::{Path, PathError, Stop};
pub use snapshot::Snapshot;
