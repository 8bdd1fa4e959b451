//! tipping: a metastability analyzer.

pub mod answers;
pub mod cli;
pub mod dynamics;
pub mod model;
pub mod plot;
pub mod process;
pub mod report;
