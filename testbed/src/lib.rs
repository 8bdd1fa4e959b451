//! A measured metastable failure of our own.
//!
//! A real HTTP service on loopback with a bounded queue, real clients that give up and try again, and a driver that
//! pushes the service over its edge under the eyes of a Prometheus server. What is measured stands in `data/` and is
//! compared with what `tipping` says about the same numbers.
//!
//! In the order in which one builds on the other:
//!
//! - [`arrivals`]: Poisson arrivals with a rate that changes over time
//! - [`station`]: slots and a bounded queue
//! - [`timer`]: sleeping to the microsecond
//! - [`cache`]: a cache of keys
//! - [`database`]: a PostgreSQL server of our own
//! - [`metrics`]: counters, gauges, histograms
//! - [`service`]: the service
//! - [`client`]: its clients
//! - [`pair`]: both at work, each on a thread of its own
//! - [`prometheus`]: the server that records them, and what is exported from it
//! - [`tolerance`]: the critical duration from runs that tipped and runs that did not
//! - [`scenario`]: what is done to the service

pub mod arrivals;
pub mod cache;
pub mod client;
pub mod database;
mod error;
mod http;
pub mod metrics;
pub mod pair;
pub mod prometheus;
pub mod scenario;
pub mod service;
pub mod station;
pub mod timer;
pub mod tolerance;

pub use error::Error;
