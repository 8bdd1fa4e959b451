//! From measurements to parameters: estimation, what the data can and cannot tell, and early warning.

pub mod estimate;
pub mod warning;
