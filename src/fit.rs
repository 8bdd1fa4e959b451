//! From production metrics to a fitted model.
//!
//! [`metrics`] reads what dashboards, databases and load generators write, and says exactly what it understood;
//! [`mapping`] says which column is which quantity. [`estimate`] is the numerical core: parameters, their intervals and
//! what the data cannot tell; it knows nothing of models of services. [`warning`] looks at a metric alone. Nothing here
//! prints.

pub mod estimate;
pub mod mapping;
pub mod metrics;
pub mod warning;
