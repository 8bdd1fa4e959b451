//! Dynamical-systems numerics on a [`crate::process::field::Field`].
//!
//! In dependency order: [`linear`] (dense LU), [`integrate`] (initial value problems, with lags), [`newton`] (one
//! equilibrium), [`equilibria`] (all of them, with proof where possible), [`spectrum`] (their stability),
//! [`continuation`] (branches in a parameter), [`outcome`] (where a trajectory ends), [`ensemble`] (many trajectories at
//! once).

pub mod continuation;
pub mod ensemble;
pub mod equilibria;
pub mod integrate;
pub mod linear;
pub mod newton;
pub mod outcome;
pub mod spectrum;
#[cfg(test)]
pub(crate) mod testing;
