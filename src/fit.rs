//! From production metrics to a fitted model.
//!
//! [`metrics`] reads what dashboards, databases and load generators write, and says exactly what it understood;
//! [`mapping`] says which column is which quantity. [`data`] makes the measured load and the readings of them, [`observe`]
//! says which quantity of the equations a column is held to, [`trajectory`] runs a model under the measured load, and
//! [`calibrate`] fits it. [`estimate`] is the numerical core: parameters, their intervals and what the data cannot tell; it
//! knows nothing of models of services. [`warning`] looks at a metric alone. Nothing here prints.

pub mod calibrate;
pub mod data;
pub mod estimate;
pub mod mapping;
pub mod metrics;
pub mod observe;
pub mod trajectory;
pub mod warning;
