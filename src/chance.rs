//! Noise: what the finite number of requests does to the fluid picture. May use `process`, `dynamics` and `random`.

pub mod escape;
pub mod paths;
