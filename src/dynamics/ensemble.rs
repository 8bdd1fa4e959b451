//! Many trajectories at once: `W` of them side by side in the lanes of vector registers, each with its own time, step
//! size, parameters and end.
//!
//! The method is the Rodas5P of [`integrate`](mod@super::integrate) with the same error control and domain, on the same tape.
//! What differs is how it is carried out. Lanes do not wait for each other: every round attempts one step in each of them,
//! accepted or not, and a lane whose trajectory has ended takes the next one. The Jacobian is that of
//! [`slopes`](crate::process::slopes), the linear systems are solved with one sparse plan for all lanes. A trajectory that
//! was given a [`Judge`] ends where its outcome is decided.
//!
//! A lane computes with its own numbers only, and nothing is rounded differently for the instruction set (no product and
//! sum is contracted to a fused one). So a trajectory has the same bits whatever runs beside it, in however many threads,
//! however the work is split, and on whichever kernel. What could depend on the machine are the functions of the
//! mathematical library in closures that need special functions; the exponential of the lanes is our own.
//!
//! Equations with lags, or in which time itself occurs, are not covered and are left to `integrate`.

mod elimination;
mod engine;
mod equations;
mod round;

use super::integrate::{IntegrateError, Options, Segment};
use super::outcome::{Judge, Outcome};
use crate::process::batch::Kernel;
use crate::process::fluid::Fluid;
use engine::Engine;
use equations::Equations;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Trajectories side by side.
const WIDTH: usize = 32;
/// Trajectories that a worker takes at a time.
const PORTION: usize = 64;

/// Why equations cannot be integrated in lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// They have lags.
    #[error("the equations have lags")]
    Lags,
    /// Time occurs in them.
    #[error("time occurs in the equations")]
    Time,
}

/// One trajectory that is asked for.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// Start values of the states.
    pub start: Vec<f64>,
    /// Spans of constant parameters, from time 0 on.
    pub segments: Vec<Segment>,
    /// Who decides its outcome, once the last segment has begun; without one it is followed to its end.
    pub judge: Option<Arc<Judge>>,
}

/// How a trajectory ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Time.
    pub t: f64,
    /// States.
    pub x: Vec<f64>,
    /// What was decided.
    pub outcome: Outcome,
    /// Accepted steps.
    pub steps: usize,
    /// What stopped it before its end.
    pub error: Option<IntegrateError>,
}

/// Equations compiled for many trajectories.
#[derive(Debug, Clone)]
pub struct Ensemble {
    equations: Equations,
    kernel: Kernel,
}

impl Ensemble {
    /// Compiles the equations of a process for the best kernel of this machine.
    ///
    /// # Errors
    /// [`Unsupported`] if they have lags or depend on time.
    pub fn new(fluid: &Fluid) -> Result<Self, Unsupported> {
        Ok(Self { equations: Equations::new(fluid)?, kernel: Kernel::best() })
    }

    /// The same on a certain kernel; the portable one if this machine does not have it.
    #[must_use]
    pub fn on(mut self, kernel: Kernel) -> Self {
        self.kernel = if kernel.is_available() { kernel } else { Kernel::Portable };
        self
    }

    /// Follows `count` trajectories; `job` writes the one with a given number over an earlier one. Returns them in order.
    /// Runs on the threads of the current pool; the result is the same for any number of them. `options.initial_step` and
    /// `options.retain` mean nothing here.
    pub fn run(&self, count: usize, options: &Options, job: &(dyn Fn(usize, &mut Job) + Sync)) -> Vec<Ended> {
        let next = AtomicUsize::new(0);
        let threads = rayon::current_num_threads().min(count.div_ceil(PORTION)).max(1);
        let parts: Vec<Vec<(usize, Ended)>> = (0..threads)
            .into_par_iter()
            .with_max_len(1)
            .map(|_| {
                let mut portion = 0..0;
                let mut supply = || {
                    if portion.is_empty() {
                        let from = next.fetch_add(PORTION, Ordering::Relaxed).min(count);
                        portion = from..(from + PORTION).min(count);
                    }
                    portion.next()
                };
                let mut done = Vec::new();
                let mut keep = |index: usize, ended: Ended| done.push((index, ended));
                Engine::<WIDTH>::new(&self.equations, options).run(self.kernel, &mut supply, job, &mut keep);
                done
            })
            .collect();
        let mut all: Vec<Option<Ended>> = vec![None; count];
        for (index, ended) in parts.into_iter().flatten() {
            all[index] = Some(ended);
        }
        all.into_iter().flatten().collect()
    }
}
