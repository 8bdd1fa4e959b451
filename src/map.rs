//! Maps: what is so in each cell of a plane that two numbers of a model span.
//!
//! Three kinds. A **verdict map** along the load is made of [`lines`]: on each line the branch of equilibria is continued in the
//! load, and between its special points the verdict is that of the full analysis. Where neither number is the load, the analysis
//! is made cell by cell, few of them with [`quadtree`]. A **basin map** ([`basin`]) says where runs from a plane of start values end,
//! a **trigger map** ([`triggers`]) how many runs tip. What
//! parts the regions is followed by continuation in both numbers ([`folds`]) or found by bisection between cells ([`boundary`]);
//! neither uses what the other found.

pub mod basin;
pub mod boundary;
pub mod folds;
pub mod lines;
pub mod quadtree;
pub mod side;
pub mod triggers;
pub mod verdicts;
