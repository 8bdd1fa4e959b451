//! Dynamical-systems numerics on a [`crate::process::field::Field`].
//!
//! In dependency order: [`linear`] (dense LU), [`integrate`] (initial value problems, with lags).

pub mod integrate;
pub mod linear;
#[cfg(test)]
pub(crate) mod testing;
