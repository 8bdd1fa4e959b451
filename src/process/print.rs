//! The equations of a process for people to read: as text in the syntax of model files, and as LaTeX.
//!
//! Every named quantity is printed once and called by its name afterwards; so are quantities of the past, as
//! `delay(name, lag)`. Large expressions that are used several times and have no name are given one (`part_1`, ...).
//! Numbers inside expressions are in base units: seconds, requests, bytes.
//!
//! `names` decides what is called by a name, `past` what is the past of something else, `view` what an expression looks
//! like; `sheet` puts the document in order; `text` and `latex` write it.

mod latex;
mod names;
mod past;
mod sheet;
mod text;
mod view;

#[cfg(test)]
mod tests;

use super::population::Process;

/// The equations as text. Each right-hand side can be parsed again by [`super::expr::parse`]; everything behind a `#`
/// is for people.
#[must_use]
pub fn text(process: &Process) -> String {
    text::document(&mut sheet::Sheet::new(process))
}

/// The equations as a LaTeX fragment that needs the package `amsmath`.
#[must_use]
pub fn latex(process: &Process) -> String {
    latex::document(&mut sheet::Sheet::new(process))
}
