//! The model file: from TOML text to a checked, typed model.

pub mod expand;
pub mod types;
