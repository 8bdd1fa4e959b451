//! The queue and the slots of one service.

use super::admission::Gate;
use super::control::Control;
use super::record::StationCount;
use super::slab::{Phase, Slab};
use std::collections::VecDeque;

/// Entries that no longer count before they are looked for.
const SWEEP: usize = 1024;

#[derive(Debug)]
pub(super) struct Station {
    /// Those waiting, by class of priority: place and generation. Some may have left meanwhile.
    queues: Vec<VecDeque<(u32, u32)>>,
    /// Entries of all queues.
    entries: usize,
    pub(super) waiting: u32,
    pub(super) busy: u32,
    pub(super) inside: u32,
    pub(super) count: StationCount,
    pub(super) gate: Gate,
    /// Slots that will look into the queue once their pickup time is over, those taken meanwhile included.
    pub(super) polls: u32,
    /// Of these, taken by somebody who came meanwhile: the oldest ones.
    pub(super) taken: u32,
    pub(super) control: Control,
    /// When somebody last found nobody waiting and had to wait.
    pub(super) standing_since: f64,
    since: f64,
}

impl Station {
    pub(super) fn new(classes: usize) -> Self {
        Self {
            queues: (0..classes.max(1)).map(|_| VecDeque::new()).collect(),
            entries: 0,
            waiting: 0,
            busy: 0,
            inside: 0,
            count: StationCount::default(),
            gate: Gate::default(),
            polls: 0,
            taken: 0,
            control: Control::default(),
            standing_since: 0.0,
            since: 0.0,
        }
    }

    /// Carries the integrals on to a time; to be called before `inside` or `busy` change.
    #[inline]
    pub(super) fn advance(&mut self, now: f64) {
        let step = now - self.since;
        self.count.inside_area += step * f64::from(self.inside);
        self.count.busy_area += step * f64::from(self.busy);
        self.since = now;
    }

    /// Who comes takes one of the free slots: one that would not have looked into the queue, if there is one.
    #[inline]
    pub(super) fn take_polling(&mut self, free: f64) {
        let polling = self.polls - self.taken;
        if polling > 0 && free <= f64::from(polling) {
            self.taken += 1;
        }
    }

    /// Lets an attempt wait.
    #[inline]
    pub(super) fn wait(&mut self, class: u16, slot: u32, slab: &Slab) {
        let class = usize::from(class).min(self.queues.len() - 1);
        self.queues[class].push_back((slot, slab[slot].generation));
        self.waiting += 1;
        self.entries += 1;
        if self.entries > SWEEP + 2 * self.waiting as usize {
            self.queues.iter_mut().for_each(|queue| queue.retain(|&entry| waits(slab, entry)));
            self.entries = self.queues.iter().map(VecDeque::len).sum();
        }
    }

    /// Takes the next attempt out of the queue: the newest if more than `switch` wait, else the oldest of the first class.
    #[inline]
    pub(super) fn next(&mut self, switch: f64, slab: &Slab) -> Option<u32> {
        (0..self.queues.len()).find_map(|queue| self.next_in(queue, switch, slab))
    }

    /// The same, out of one queue.
    #[inline]
    pub(super) fn next_in(&mut self, queue: usize, switch: f64, slab: &Slab) -> Option<u32> {
        let newest = f64::from(self.waiting) > switch;
        let queue = self.queues.get_mut(queue)?;
        while let Some(entry) = if newest { queue.pop_back() } else { queue.pop_front() } {
            self.entries -= 1;
            if waits(slab, entry) {
                self.waiting -= 1;
                return Some(entry.0);
            }
        }
        None
    }
}

#[inline]
fn waits(slab: &Slab, (slot, generation): (u32, u32)) -> bool {
    slab[slot].generation == generation && slab[slot].phase == Phase::Waiting
}
