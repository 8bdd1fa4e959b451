//! The population process every model becomes: states, transitions, flows, outputs, and their equations as a tape that
//! can be evaluated over several kinds of number.

pub mod dimension;
pub mod dual;
pub mod expr;
pub mod field;
pub mod graph;
pub mod interval;
pub mod katz;
pub mod lanes;
pub mod number;
pub mod special;
pub mod tape;
