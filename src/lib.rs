//! tipping: a metastability analyzer.

pub mod process;
pub mod dynamics;
pub mod model;
pub mod plot;
