//! The referee: a request-level discrete-event simulation of the system layer. It shares no closure, no rate and no
//! equation with the rest, and uses `model` and `random` only: it is how the rest is held to the truth.
//!
//! A [`System`] is a model made ready to be simulated. [`System::replicate`] follows it under a [`Plan`]: so many
//! independent replications, for so long, with these numbers changed at these times. Each [`Run`] holds cumulative
//! counters on a grid of times, from which every rate and mean over any window is a difference, and the latencies of
//! answered requests. [`Summary`] draws the replications together; [`odds`] asks how likely a trigger is to tip the
//! system, as a function of its duration or size.
//!
//! Life of a request: a client sends its first attempt; the attempt travels (`network`), is refused or waits, is served,
//! makes the nested calls of its service while it holds the slot, and its answer travels back. If the client has stopped
//! waiting by then, or the answer is a refusal or an error, the policy decides about the next attempt.
//!
//! The exact meaning of every key, which the equations share, is in `docs/theory/referee.md`.
//!
//! ```
//! use tipping::referee::{Plan, Summary, System};
//!
//! let loaded = tipping::model::open("models/retry-storm.toml".as_ref(), &[])?;
//! let system = System::new(&loaded.model)?;
//! let plan = Plan { replications: 4, ..Plan::steady(200.0) };
//! let summary = Summary::of(&system, &plan, &system.replicate(&plan)?);
//! let inside = &summary.stations[0].inside;
//! assert!((inside.mean - 6.1).abs() < 5.0 * inside.error + 0.2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod admission;
mod cache;
mod calendar;
mod control;
mod draw;
mod edge;
mod engine;
mod fleet;
mod law;
pub mod odds;
pub mod outcome;
mod plan;
mod record;
mod settings;
mod slab;
mod station;
pub mod statistics;
mod summary;
mod system;

pub use cache::CacheCount;
pub use outcome::{Outcome, Outcomes};
pub use plan::{Plan, TriggerRun};
pub use record::{ClientCount, Run, Sample, StationCount, Stop};
pub use statistics::{Estimate, Interval};
pub use summary::{Band, ClientSummary, Latency, Point, StationSummary, Summary};
pub use system::{System, SystemError};
