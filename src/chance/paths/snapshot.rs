//! Copies of a path under way, from which others go on with random numbers of their own.

use super::flow::History;
use super::path::Path;
use crate::random;
use std::collections::VecDeque;

/// Everything a path needs to go on, except its random numbers.
#[derive(Debug, Clone)]
pub struct Snapshot {
    t: f64,
    x: Vec<f64>,
    remaining: Vec<f64>,
    queues: Vec<VecDeque<(f64, u32)>>,
    level: f64,
    history: History,
}

impl Path<'_> {
    /// What is needed to go on from here another time.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let done = |k: usize| self.remaining[k] - self.rate[k] * (self.t - self.since[k]);
        Snapshot {
            t: self.t,
            x: self.state().to_vec(),
            remaining: (0..self.rate.len()).map(done).collect(),
            queues: self.queues.clone(),
            level: self.level,
            history: self.between.history(),
        }
    }

    /// Goes back to a snapshot of a path of the same machine and parameters, with the random numbers of another
    /// replication. Clocks without memory are drawn again; others keep their time to the next event.
    pub fn resume(&mut self, snapshot: &Snapshot, seed: u64, replication: u64) {
        let first = self.machine.layout.state(0, 0);
        self.t = snapshot.t;
        self.inputs[self.machine.layout.time(0)] = self.t;
        self.inputs[first..first + snapshot.x.len()].copy_from_slice(&snapshot.x);
        for (mine, theirs) in self.queues.iter_mut().zip(&snapshot.queues) {
            mine.clone_from(theirs);
        }
        self.landing = self.first_landing();
        self.level = snapshot.level;
        self.between.restore(&snapshot.history);
        for k in 0..self.rate.len() {
            self.streams[k] = random::stream(seed, replication, k as u64);
            let forgets = self.clocks[k].forgets();
            self.remaining[k] = if forgets { self.clocks[k].next(&mut self.streams[k]) } else { snapshot.remaining[k] };
            self.since[k] = self.t;
            self.rate[k] = 0.0;
            self.next[k] = f64::INFINITY;
            self.refresh(k);
        }
    }
}
