//! Noise: what the finite number of requests does to the fluid picture. May use `process`, `dynamics` and `random`.
//!
//! [`run`] is a trajectory to look at, [`events`] what happens by chance along it, [`response`] how a disturbance at one time
//! changes a number of later, and [`odds`] puts them together: the variance of that number. [`paths`] are whole stochastic
//! runs. [`chain`] is the exact Markov chain of a process whose states are bounded.

pub mod chain;
pub mod escape;
pub mod events;
pub mod linearised;
pub mod odds;
pub mod paths;
pub mod response;
pub mod run;
