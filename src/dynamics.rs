//! Dynamical-systems numerics on a [`crate::process::field::Field`].
