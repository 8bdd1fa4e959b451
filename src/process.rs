//! The population process every model becomes: states, transitions, flows, outputs, and their equations as a tape that
//! can be evaluated over several kinds of number.
//!
//! In the order of use: [`dimension`] and [`expr`] read what a user wrote, [`lower`] turns it into a [`graph`],
//! [`population`] holds the process, [`tape`] compiles its equations, [`number`], [`dual`], [`lanes`] and [`interval`]
//! are what a tape computes with, [`fluid`] offers the result to the numerics as a [`field`], [`batch`] evaluates it at
//! many points at once, [`slopes`] differentiates it, and [`print`](mod@print) writes it out for people.

pub mod batch;
pub mod dimension;
pub mod dual;
pub mod event;
pub mod expr;
pub mod field;
pub mod fluid;
pub mod graph;
pub mod interval;
pub mod katz;
pub mod lanes;
pub mod lower;
pub mod number;
pub mod population;
pub mod print;
pub mod slopes;
pub mod special;
pub(crate) mod suggest;
pub mod tape;
