//! From production metrics to a fitted model.
//!
//! [`metrics`] reads what dashboards, databases and load generators write, and says exactly what it understood;
//! [`mapping`] says which column is which quantity. Nothing here prints.

pub mod mapping;
pub mod metrics;
