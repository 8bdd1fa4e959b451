//! tipping: a metastability analyzer.

pub mod answers;
pub mod dynamics;
pub mod model;
pub mod plot;
pub mod process;
