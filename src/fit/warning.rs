//! Early warning from a metric alone, without a model: is the system losing its resilience, and when does its load reach
//! a limit?
//!
//! 1. [`detrend`]: what is slow is taken out.
//! 2. [`indicators`]: variance and autocorrelation in a rolling window, and whether they rise.
//! 3. [`slowing`]: the test for critical slowing down.
//! 4. [`season`]: trend, day and week of a load, robustly.
//! 5. [`forecast`]: the day on which the seasonal peak reaches a limit.

pub mod detrend;
pub mod forecast;
pub mod indicators;
pub mod season;
pub mod slowing;
