//! The model file: from TOML text to a checked, typed model.

pub mod diagnostic;
mod render;
mod suggest;
pub mod types;
pub mod unit;
