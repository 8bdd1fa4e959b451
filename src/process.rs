//! The population process every model becomes: states, transitions, flows, outputs, and their equations as a tape that
//! can be evaluated over several kinds of number.

pub mod dimension;
pub mod field;
pub mod interval;
