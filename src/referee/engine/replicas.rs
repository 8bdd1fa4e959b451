//! Replicas with queues of their own: who arrives is sent to one of them, and stays there.
//!
//! ```text
//! round robin      the next of those in use, in turn
//! random           any of those in use
//! least requests   of `choices` drawn from those in use (all of them, if not given) one with the fewest inside
//! ```
//!
//! Each has an equal part of the slots and of the places of the queue. One that is taken out of rotation works off its queue.

use super::super::slab::{Answer, Phase};
use super::Engine;
use crate::model::types::{Expired, Queues, Routing};

impl Engine<'_> {
    /// Whether the replicas of a service have queues of their own.
    #[inline]
    pub(super) fn has_own_queues(&self, place: usize) -> bool {
        self.settings.services[place].balancer.is_some_and(|b| b.queues == Queues::PerReplica)
    }

    /// Chooses a replica for an attempt; `None` if none is in use.
    fn route(&mut self, place: usize) -> Option<usize> {
        let balancer = self.settings.services[place].balancer?;
        let used: Vec<usize> = self.fleets[place].in_use(self.now, balancer.panic).collect();
        if used.is_empty() {
            return None;
        }
        let luck = &mut self.routes[place];
        let mut draw = |most: usize| ((luck.uniform() * most as f64) as usize).min(most - 1);
        let fleet = &mut self.fleets[place];
        Some(match balancer.policy {
            Routing::RoundRobin => {
                fleet.turn = (fleet.turn + 1) % used.len();
                used[fleet.turn]
            }
            Routing::Random => used[draw(used.len())],
            Routing::LeastRequests if balancer.choices >= used.len() as f64 => {
                let least = used.iter().map(|&r| fleet.replicas[r].inside).min()?;
                let best: Vec<usize> = used.into_iter().filter(|&r| fleet.replicas[r].inside == least).collect();
                best[draw(best.len())]
            }
            Routing::LeastRequests => {
                // A sample without repetition.
                let mut used = used;
                let number = (balancer.choices as usize).max(1);
                for k in 0..number {
                    let other = k + draw(used.len() - k);
                    used.swap(k, other);
                }
                used[..number].iter().copied().min_by_key(|&r| fleet.replicas[r].inside)?
            }
        })
    }

    /// An attempt reaches a service whose replicas have queues of their own.
    pub(super) fn arrive_at_replica(&mut self, slot: u32, place: usize) {
        let service = &self.settings.services[place];
        let chosen = self.route(place);
        let broken = service.balancer.map_or(0.0, |b| b.broken);
        let Some(r) = chosen.filter(|&r| r as f64 >= broken) else {
            if let Some(r) = chosen {
                self.count_failure(place, r);
            }
            return self.respond(slot, Answer::Reject);
        };
        let fleet = &self.fleets[place];
        let slots = f64::from(fleet.slots(r, service.servers));
        let here = f64::from(fleet.replicas[r].inside);
        let station = &mut self.stations[place];
        station.count.offered += 1;
        let wait = (here - slots + 1.0).max(0.0) * service.time / slots;
        let inside = f64::from(station.inside);
        let let_in = here < (service.limit / fleet.replicas.len() as f64).floor()
            && station.gate.lets_in(&service.rules, self.now, inside, wait, &mut self.gates[place]);
        if !let_in {
            station.count.rejected += 1;
            self.fleets[place].debt += service.reject_time;
            return self.respond(slot, Answer::Reject);
        }
        station.advance(self.now);
        station.inside += 1;
        self.fleets[place].replicas[r].inside += 1;
        let attempt = &mut self.slab[slot];
        attempt.entered = self.now;
        attempt.replica = r as u16 + 1;
        if f64::from(self.fleets[place].replicas[r].busy) < slots {
            self.start(slot, place);
        } else {
            self.slab[slot].phase = Phase::Waiting;
            self.stations[place].wait(r as u16, slot, &self.slab);
        }
    }

    /// Free slots of each replica take who waits there.
    pub(super) fn fill_replicas(&mut self, place: usize) {
        let (servers, switch) = (self.settings.services[place].servers, self.settings.services[place].switch);
        for r in 0..self.fleets[place].replicas.len() {
            while self.fleets[place].replicas[r].busy < self.fleets[place].slots(r, servers) {
                let Some(slot) = self.stations[place].next_in(r, switch, &self.slab) else { break };
                self.stations[place].advance(self.now);
                if self.slab[slot].abandoned && self.system.services[place].expired == Expired::Drop {
                    self.stations[place].inside -= 1;
                    self.stations[place].count.dropped += 1;
                    self.release_replica(slot, place, None);
                    self.slab.release(slot);
                } else {
                    self.start(slot, place);
                }
            }
        }
    }
}
