//! Answers in the forms people and programs read: terminal text, Markdown, JSON, CSV, figures.
//!
//! [`document`] is what a report consists of; [`analysis`] builds it from findings; [`text`] and [`markdown`] print it.
//! [`figures`] draws findings.

pub mod analysis;
pub mod band;
pub mod compare;
pub mod diagram;
pub mod document;
pub mod figures;
pub mod fit;
pub mod inspect;
pub mod json;
pub mod map;
pub mod markdown;
mod measures;
pub mod noise;
pub mod presets;
pub mod referee;
pub mod rules;
mod samples;
pub mod scenario;
pub mod summarize;
pub mod table;
pub mod text;
pub mod triggers;
pub mod watch;
mod words;
pub mod yaml;
