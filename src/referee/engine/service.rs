//! What services do: admit, queue, work, call others, answer.

use super::super::calendar::{Entry, Kind, POLL};
use super::super::control::Verdict;
use super::super::slab::{Answer, NONE, Phase};
use super::Engine;
use crate::model::types::Expired;

impl Engine<'_> {
    #[inline]
    fn target(&self, slot: u32) -> usize {
        usize::from(self.callers[usize::from(self.slab[slot].stream)].target)
    }

    /// An attempt reaches its service.
    #[inline]
    pub(super) fn arrive(&mut self, slot: u32) {
        if self.ask_cache(slot) {
            return;
        }
        let place = self.target(slot);
        if self.has_own_queues(place) {
            return self.arrive_at_replica(slot, place);
        }
        if self.meets_broken(slot, place) {
            return;
        }
        let service = &self.settings.services[place];
        let station = &mut self.stations[place];
        station.count.offered += 1;
        let inside = f64::from(station.inside);
        let wait = (inside - service.servers + 1.0).max(0.0) * service.time / service.servers;
        let let_in = inside < service.limit
            && station.gate.lets_in(&service.rules, self.now, inside, wait, &mut self.gates[place]);
        if !let_in {
            station.count.rejected += 1;
            self.fleets[place].debt += service.reject_time;
            return self.respond(slot, Answer::Reject);
        }
        station.advance(self.now);
        station.inside += 1;
        self.slab[slot].entered = self.now;
        // A slot that has just become free may not have looked into the queue yet: who comes now is first.
        let first = station.waiting == 0 || service.pickup > 0.0;
        if first && self.has_free_slot(place) {
            if service.pickup > 0.0 {
                let free = service.servers - f64::from(self.stations[place].busy);
                self.stations[place].take_polling(free);
            }
            self.stations[place].control.empty();
            self.start(slot, place);
        } else {
            let station = &mut self.stations[place];
            if station.waiting == 0 {
                station.standing_since = self.now;
            }
            if let Some([target, interval]) = service.codel {
                let stands = self.now - station.standing_since > interval;
                self.slab[slot].longest = if stands { target } else { interval };
            }
            self.slab[slot].phase = Phase::Waiting;
            station.wait(self.slab[slot].class, slot, &self.slab);
        }
    }

    /// A slot takes an attempt; the integrals have been carried on.
    #[inline]
    pub(super) fn start(&mut self, slot: u32, place: usize) {
        let service = &self.settings.services[place];
        let station = &mut self.stations[place];
        let wait = self.now - self.slab[slot].entered;
        station.busy += 1;
        station.count.started += 1;
        station.count.wait += wait;
        station.count.wait_square += wait * wait;
        let work = service.time * service.law.draw(&mut self.work[place]) * self.slab[slot].work;
        // Itself included.
        let inside = f64::from(station.inside);
        let [contention, coherence] = service.scalability;
        let shared = 1.0 + (inside - 1.0) * (contention + coherence * inside);
        let time = work * shared + service.slowdown * inside + std::mem::take(&mut self.fleets[place].debt);
        self.slab[slot].phase = Phase::Working;
        self.assign(slot, place);
        self.schedule(time, Kind::Done, slot);
    }

    /// Free slots take who waits.
    #[inline]
    pub(super) fn fill_slots(&mut self, place: usize) {
        if self.has_own_queues(place) {
            return self.fill_replicas(place);
        }
        self.fill(place, u32::MAX);
    }

    /// Fills free slots from the queue, so many at most.
    fn fill(&mut self, place: usize, most: u32) {
        let mut started = 0;
        while started < most && self.has_free_slot(place) {
            let switch = self.settings.services[place].switch;
            let next = match self.settings.services[place].control {
                Some(numbers) => self.controlled(place, numbers),
                None => self.stations[place].next(switch, &self.slab),
            };
            let Some(slot) = next else { return };
            self.stations[place].advance(self.now);
            if self.slab[slot].abandoned && self.system.services[place].expired == Expired::Drop {
                self.stations[place].inside -= 1;
                self.stations[place].count.dropped += 1;
                self.slab.release(slot);
            } else if self.now - self.slab[slot].entered > self.slab[slot].longest {
                self.stations[place].inside -= 1;
                self.stations[place].count.dropped += 1;
                self.respond(slot, Answer::Reject);
            } else {
                self.start(slot, place);
                started += 1;
            }
        }
    }

    /// A slot that has been free for the pickup time looks into the queue, unless somebody has taken it meanwhile.
    pub(super) fn poll(&mut self, place: usize) {
        let station = &mut self.stations[place];
        station.polls -= 1;
        if station.taken > 0 {
            station.taken -= 1;
            return;
        }
        self.fill(place, 1);
    }

    /// The next attempt for a slot under controlled delay, after those that are dropped before it.
    fn controlled(&mut self, place: usize, numbers: [f64; 2]) -> Option<u32> {
        let (mut slot, above) = self.head(place, numbers)?;
        let mut verdict = self.stations[place].control.first(self.now, above);
        if verdict == Verdict::DropAndBegin {
            self.refuse_waiting(slot, place);
            let next = self.head(place, numbers);
            self.stations[place].control.begin(self.now, numbers[1]);
            return next.map(|(slot, _)| slot);
        }
        while verdict == Verdict::Drop {
            self.refuse_waiting(slot, place);
            self.stations[place].control.dropped();
            let (next, above) = self.head(place, numbers)?;
            slot = next;
            verdict = self.stations[place].control.after_drop(self.now, above, numbers[1]);
        }
        Some(slot)
    }

    /// The head of the queue, and whether waits have been too long for an interval.
    fn head(&mut self, place: usize, numbers: [f64; 2]) -> Option<(u32, bool)> {
        let station = &mut self.stations[place];
        let switch = self.settings.services[place].switch;
        let Some(slot) = station.next(switch, &self.slab) else {
            station.control.empty();
            return None;
        };
        let wait = self.now - self.slab[slot].entered;
        let above = station.control.above(self.now, wait, station.waiting, numbers);
        Some((slot, above))
    }

    /// An attempt that has waited is refused.
    fn refuse_waiting(&mut self, slot: u32, place: usize) {
        let station = &mut self.stations[place];
        station.advance(self.now);
        station.inside -= 1;
        station.count.dropped += 1;
        self.respond(slot, Answer::Reject);
    }

    /// Work in a slot is done: nested calls follow, or the answer.
    #[inline]
    pub(super) fn done(&mut self, slot: u32) {
        let place = self.target(slot);
        if self.system.services[place].calls.is_empty() || self.slab[slot].failing {
            return self.leave(slot, place);
        }
        self.slab[slot].phase = Phase::Calling;
        self.slab[slot].call = 0;
        self.slab[slot].left = self.number_of_calls(place, 0);
        self.next_call(slot);
    }

    /// Calls to make: the whole part of the count, and one more with the probability of the rest.
    fn number_of_calls(&mut self, place: usize, call: usize) -> u32 {
        let stream = self.system.services[place].calls.start + call;
        let count = self.settings.counts[stream - self.clients.len()];
        let extra = self.callers[stream].calls.happens(count.fract());
        count.trunc() as u32 + u32::from(extra)
    }

    /// Makes the next nested call of an attempt that holds a slot, or answers it after the last.
    pub(super) fn next_call(&mut self, slot: u32) {
        let place = self.target(slot);
        let calls = self.system.services[place].calls.clone();
        self.slab[slot].child = NONE;
        while self.slab[slot].left == 0 {
            let next = usize::from(self.slab[slot].call) + 1;
            if next >= calls.len() {
                return self.leave(slot, place);
            }
            self.slab[slot].call = next as u16;
            self.slab[slot].left = self.number_of_calls(place, next);
        }
        self.slab[slot].left -= 1;
        let stream = calls.start + usize::from(self.slab[slot].call);
        if self.inherited_by(stream, slot) <= self.now {
            // A call whose deadline has passed fails before it is sent.
            self.slab[slot].answer = Answer::Error;
            return self.schedule(0.0, Kind::Resume, slot);
        }
        match self.settings.fans[stream - self.clients.len()] {
            Some(fan) => self.begin_fan(stream, slot, fan),
            None => {
                self.begin_call(stream, slot, self.slab[slot].class);
            }
        }
    }

    /// An attempt leaves its slot with an answer.
    #[inline]
    fn leave(&mut self, slot: u32, place: usize) {
        if self.takes_error_path(slot, place) {
            return;
        }
        let station = &mut self.stations[place];
        station.advance(self.now);
        let time = self.now - self.slab[slot].entered;
        let rules = &self.settings.services[place].rules;
        station.gate.answered(rules, self.now, time, f64::from(station.inside), &mut self.gates[place]);
        station.busy -= 1;
        station.inside -= 1;
        station.count.served += 1;
        let share = self.settings.services[place].error_share;
        let known = self.slab[slot].failing;
        let wrong = self.slab[slot].answer == Answer::Error || (!known && self.mishaps[place].happens(share));
        let failed = wrong || self.slab[slot].abandoned;
        self.release_replica(slot, place, Some(failed));
        if self.stations[place].waiting > 0 {
            let pickup = self.settings.services[place].pickup;
            if pickup > 0.0 {
                self.stations[place].polls += 1;
                self.calendar.push(Entry::new(self.now + pickup, Kind::Pickup, place as u32, POLL));
            } else {
                self.fill_slots(place);
            }
        }
        self.respond(slot, if wrong { Answer::Error } else { Answer::Well });
    }

    /// Takes an attempt out of queue or slot, and with it the nested call it waits for.
    pub(super) fn cancel(&mut self, slot: u32) {
        let place = self.target(slot);
        let attempt = self.slab[slot];
        self.release_replica(slot, place, None);
        self.slab.release(slot);
        let station = &mut self.stations[place];
        station.advance(self.now);
        match attempt.phase {
            Phase::Waiting => {
                station.waiting -= 1;
                station.inside -= 1;
            }
            Phase::Working | Phase::Calling => {
                station.busy -= 1;
                station.inside -= 1;
            }
            // Still on its way: it never arrives.
            _ => return,
        }
        station.count.cancelled += 1;
        if attempt.fan {
            self.end_fan(slot);
        } else if attempt.child != NONE {
            self.abandon(attempt.child);
        }
        if attempt.phase != Phase::Waiting {
            self.fill_slots(place);
        }
    }
}
