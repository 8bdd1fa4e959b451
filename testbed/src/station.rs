//! Slots with one bounded queue before them, first in first out.
//!
//! The limit counts requests waiting and in service. Nothing is ever taken out of the queue but by a slot: whether
//! anybody still waits for an answer is not known here.

use std::collections::VecDeque;

/// What became of an arrival.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer<J> {
    /// A slot is free and has been taken for it: serve it now.
    Start(J),
    /// It waits.
    Waits,
    /// The limit is reached; here it is back.
    Full(J),
}

/// The state of a station: who is in service is only counted, who waits is kept.
#[derive(Debug)]
pub struct Station<J> {
    slots: usize,
    limit: usize,
    busy: usize,
    waiting: VecDeque<J>,
}

impl<J> Station<J> {
    /// An empty station with this many slots and room for `limit` requests, waiting or in service.
    #[must_use]
    pub fn new(slots: usize, limit: usize) -> Self {
        Self { slots, limit, busy: 0, waiting: VecDeque::new() }
    }

    /// An arrival.
    pub fn offer(&mut self, job: J) -> Offer<J> {
        if self.busy + self.waiting.len() >= self.limit {
            return Offer::Full(job);
        }
        if self.busy < self.slots {
            self.busy += 1;
            return Offer::Start(job);
        }
        self.waiting.push_back(job);
        Offer::Waits
    }

    /// A slot has done its work: the next request that it must serve, if there is one and the slot still exists.
    pub fn done(&mut self) -> Option<J> {
        if self.busy <= self.slots
            && let Some(job) = self.waiting.pop_front()
        {
            return Some(job);
        }
        self.busy = self.busy.saturating_sub(1);
        None
    }

    /// Changes the number of slots; returns those who can be served at once. Slots that are taken away finish what
    /// they do.
    pub fn set_slots(&mut self, slots: usize) -> Vec<J> {
        self.slots = slots;
        let free = slots.saturating_sub(self.busy).min(self.waiting.len());
        self.busy += free;
        self.waiting.drain(..free).collect()
    }

    /// Empties the queue; what is in service stays.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Requests in service.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.busy
    }

    /// Requests that wait for a slot.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_fill_first_then_the_queue_then_nothing() {
        let mut station = Station::new(2, 4);
        assert_eq!(station.offer(1), Offer::Start(1));
        assert_eq!(station.offer(2), Offer::Start(2));
        assert_eq!(station.offer(3), Offer::Waits);
        assert_eq!(station.offer(4), Offer::Waits);
        assert_eq!(station.offer(5), Offer::Full(5));
        assert_eq!((station.busy(), station.waiting()), (2, 2));
    }

    #[test]
    fn the_longest_waiting_is_served_next() {
        let mut station = Station::new(1, 10);
        for job in 1..=3 {
            station.offer(job);
        }
        assert_eq!(station.done(), Some(2));
        assert_eq!(station.done(), Some(3));
        assert_eq!(station.done(), None);
        assert_eq!((station.busy(), station.waiting()), (0, 0));
        assert_eq!(station.offer(4), Offer::Start(4));
    }

    #[test]
    fn slots_taken_away_finish_their_work_and_take_no_more() {
        let mut station = Station::new(3, 10);
        for job in 1..=5 {
            station.offer(job);
        }
        assert!(station.set_slots(1).is_empty());
        assert_eq!(station.busy(), 3);
        assert_eq!(station.done(), None);
        assert_eq!(station.done(), None);
        assert_eq!(station.busy(), 1);
        assert_eq!(station.done(), Some(4));
    }

    #[test]
    fn new_slots_serve_those_who_wait() {
        let mut station = Station::new(1, 10);
        for job in 1..=4 {
            station.offer(job);
        }
        assert_eq!(station.set_slots(3), vec![2, 3]);
        assert_eq!((station.busy(), station.waiting()), (3, 1));
    }
}
