//! The model file: from TOML text to a checked, typed [`Model`](types::Model).
//!
//! The way of a file: `read` gets its text; `tree` keeps the document with the place of every value; `desugar` expands
//! short forms and presets; `overrides` applies `--set`; `interpret` reads it against the format in `spec`, with
//! quantities from `unit`; `check` looks at what the parts must agree on. All mistakes end in one
//! [`Diagnostics`], which `render` prints with the lines they are in.
//!
//! Spans are byte ranges in the text of the file; those of `--set` arguments follow behind it (see [`diagnostic`]).

pub mod change;
mod check;
mod desugar;
pub mod diagnostic;
pub mod expand;
mod interpret;
pub mod json_schema;
pub mod load;
mod name;
pub mod overrides;
mod paths;
pub mod preset;
mod quantity;
pub mod read;
mod reader;
mod render;
pub mod rewrite;
mod spec;
mod tree;
pub mod types;
pub mod unit;

pub use diagnostic::{Diagnostic, Diagnostics};
pub use load::{Loaded, load, open};
pub use overrides::Override;
