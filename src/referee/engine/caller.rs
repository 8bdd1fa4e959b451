//! What callers do: send, wait, give up, retry.

use super::super::calendar::{Entry, Kind};
use super::super::record::PER_SECOND;
use super::super::settings::Source;
use super::super::slab::{Answer, NONE, Phase};
use super::Engine;
use crate::model::types::{Expired, GivesUp, Jitter, Patience};

impl Engine<'_> {
    /// A request of an open-loop client begins.
    pub(super) fn arrival(&mut self, index: usize) {
        if let Source::Open { rate, regular } = self.settings.clients[index].source {
            let client = &mut self.clients[index];
            client.next = self.now + client.gap(regular) / rate;
        }
        self.begin_request(index);
    }

    /// A user of a closed loop begins to think.
    pub(super) fn think(&mut self, index: usize) {
        let Source::Closed { think, .. } = self.settings.clients[index].source else { return };
        let wait = think * self.clients[index].arrivals.exponential();
        self.calendar.push(Entry::new(self.now + wait, Kind::Think, index as u32, 0));
    }

    /// A user has thought, and leaves if there are too many by now.
    pub(super) fn thought(&mut self, index: usize) {
        if !self.dismissed(index) {
            self.begin_request(index);
        }
    }

    fn dismissed(&mut self, index: usize) -> bool {
        let Source::Closed { users, .. } = self.settings.clients[index].source else { return false };
        let leaves = self.clients[index].users as f64 > users;
        if leaves {
            self.clients[index].users -= 1;
        }
        leaves
    }

    fn begin_request(&mut self, index: usize) {
        self.clients[index].count.requests += 1;
        self.begin_call(index, NONE, self.system.classes[index]);
    }

    /// The first attempt of a request or of a nested call; returns its place.
    pub(super) fn begin_call(&mut self, stream: usize, parent: u32, class: u16) -> u32 {
        if let Some((fill, size)) = self.settings.policies[stream].bucket {
            let caller = &mut self.callers[stream];
            caller.tokens = (caller.tokens + fill).min(size);
        }
        let slot = self.slab.take(stream as u16, class, 1, self.now, parent);
        if parent != NONE {
            self.slab[parent].child = slot;
        }
        self.send(slot);
        slot
    }

    /// Back-off is over.
    pub(super) fn retry(&mut self, slot: u32) {
        if let Some(client) = self.client_of(slot) {
            self.clients[client].back_off(self.now, -1);
        }
        self.send(slot);
    }

    /// An attempt leaves its caller.
    fn send(&mut self, slot: u32) {
        let stream = usize::from(self.slab[slot].stream);
        let client = self.client_of(slot);
        let attempt = &mut self.slab[slot];
        attempt.sent = self.now;
        attempt.phase = Phase::Outbound;
        let generation = attempt.generation;
        let policy = &self.settings.policies[stream];
        if policy.timeout < f64::INFINITY && policy.gives_up == GivesUp::AtTimeout {
            let caller = &mut self.callers[stream];
            let timeout = match policy.patience {
                Patience::Fixed => policy.timeout,
                Patience::Exponential => policy.timeout * caller.patience.exponential(),
            };
            let deadline = self.now + timeout;
            if policy.patience == Patience::Fixed && caller.ring.back().is_none_or(|last| last.0 <= deadline) {
                caller.ring.push_back((deadline, slot, generation));
                if caller.ring.len() > caller.sweep {
                    let slab = &self.slab;
                    caller.ring.retain(|&(_, slot, generation)| slab[slot].generation == generation);
                    caller.sweep = 4096.max(2 * caller.ring.len());
                }
            } else {
                self.calendar.push(Entry::new(deadline, Kind::Timeout, slot, generation));
            }
        }
        if let Some(client) = client {
            self.clients[client].count.attempts += 1;
            self.slab[slot].work = self.settings.clients[client].work;
            let network = self.settings.clients[client].network;
            if network > 0.0 {
                let leg = network * self.clients[client].network.exponential();
                return self.schedule(leg, Kind::Arrive, slot);
            }
        }
        self.arrive(slot);
    }

    /// The service has an answer to an attempt.
    pub(super) fn respond(&mut self, slot: u32, answer: Answer) {
        if self.slab[slot].abandoned {
            if answer == Answer::Well {
                self.fill_late(self.slab[slot].stream, self.slab[slot].key);
            }
            return self.slab.release(slot);
        }
        self.slab[slot].answer = answer;
        self.slab[slot].phase = Phase::Inbound;
        if let Some(client) = self.client_of(slot) {
            let network = self.settings.clients[client].network;
            if network > 0.0 {
                let leg = network * self.clients[client].network.exponential();
                return self.schedule(leg, Kind::Answer, slot);
            }
        }
        self.receive(slot);
    }

    /// An answer reaches the caller.
    pub(super) fn receive(&mut self, slot: u32) {
        let attempt = self.slab[slot];
        if attempt.abandoned {
            if attempt.answer == Answer::Well {
                self.fill_late(attempt.stream, attempt.key);
            }
            return self.slab.release(slot);
        }
        if self.fetched(slot) {
            return;
        }
        let policy = &self.settings.policies[usize::from(attempt.stream)];
        let late = policy.gives_up == GivesUp::AtAnswer && self.now - attempt.sent > policy.timeout;
        match attempt.answer {
            Answer::Well if !late => {
                self.slab.release(slot);
                self.fill_cache(attempt.stream, attempt.key);
                match attempt.parent {
                    NONE => self.answered(usize::from(attempt.stream), attempt.first),
                    parent => self.next_call(parent),
                }
            }
            answer => {
                self.slab.release(slot);
                self.failed(&attempt, if late { Answer::Timeout } else { answer });
            }
        }
    }

    /// A request of a client has been answered in time and well.
    fn answered(&mut self, index: usize, first: f64) {
        let latency = self.now - first;
        let target = self.settings.clients[index].apdex;
        let count = &mut self.clients[index].count;
        count.answered += 1;
        count.latency += latency;
        if latency <= target {
            count.satisfied += 1;
        } else if latency <= 4.0 * target {
            count.tolerating += 1;
        }
        if !self.latencies.is_empty() {
            let block = ((self.now / self.block) as usize).min(self.latencies.len() - 1);
            // A histogram that grows takes any value.
            let _ = self.latencies[block].record((latency * PER_SECOND).round().max(1.0) as u64);
        }
        self.ended(index);
    }

    /// A request of a client is over.
    fn ended(&mut self, index: usize) {
        if matches!(self.settings.clients[index].source, Source::Closed { .. }) && !self.dismissed(index) {
            self.think(index);
        }
    }

    /// A caller stops waiting for an attempt.
    pub(super) fn timeout(&mut self, slot: u32) {
        let attempt = self.slab[slot];
        if attempt.abandoned {
            self.events -= 1;
            return;
        }
        self.abandon(slot);
        self.failed(&attempt, Answer::Timeout);
    }

    /// Nobody waits for an attempt any more.
    pub(super) fn abandon(&mut self, slot: u32) {
        let target = usize::from(self.callers[usize::from(self.slab[slot].stream)].target);
        match self.slab[slot].phase {
            Phase::BackingOff | Phase::Inbound => self.slab.release(slot),
            _ if self.system.services[target].expired == Expired::Cancel => self.cancel(slot),
            _ => {
                // Events of its deadline are void; those of its work must stay.
                self.slab[slot].abandoned = true;
            }
        }
    }

    /// An attempt has failed for its caller, who decides about the next one.
    fn failed(&mut self, attempt: &super::super::slab::Attempt, answer: Answer) {
        let stream = usize::from(attempt.stream);
        let policy = &self.settings.policies[stream];
        let client = (attempt.parent == NONE).then_some(stream);
        let wanted = match answer {
            Answer::Timeout => policy.on.timeout,
            Answer::Reject => policy.on.reject,
            Answer::Error => policy.on.error,
            Answer::Well => false,
        };
        if let Some(index) = client {
            let count = &mut self.clients[index].count;
            match answer {
                Answer::Timeout => count.timeouts += 1,
                Answer::Reject => count.rejects += 1,
                Answer::Error => count.errors += 1,
                Answer::Well => {}
            }
        }
        let caller = &mut self.callers[stream];
        let mut again =
            wanted && f64::from(attempt.index) < policy.attempts && caller.retry.happens(policy.probability);
        if again && policy.bucket.is_some() {
            again = caller.tokens >= 1.0;
            if again {
                caller.tokens -= 1.0;
            } else if let Some(index) = client {
                self.clients[index].count.unfunded += 1;
            }
        }
        if !again {
            return match client {
                Some(index) => {
                    self.clients[index].count.failed += 1;
                    self.ended(index);
                }
                None => {
                    self.slab[attempt.parent].answer = Answer::Error;
                    self.slab[attempt.parent].child = NONE;
                    self.schedule(0.0, Kind::Resume, attempt.parent);
                }
            };
        }
        // Retry k waits backoff * growth^(k-1), at most the cap.
        let growth = if policy.growth == 1.0 { 1.0 } else { policy.growth.powf(f64::from(attempt.index) - 1.0) };
        let base = (policy.backoff * growth).min(policy.cap);
        let wait = match policy.jitter {
            _ if base == 0.0 => 0.0,
            Jitter::None => base,
            Jitter::Full => base * caller.backoff.uniform(),
            Jitter::Equal => 0.5 * base * (1.0 + caller.backoff.uniform()),
            Jitter::Exponential => base * caller.backoff.exponential(),
        };
        let index = attempt.index.saturating_add(1);
        let next = self.slab.take(attempt.stream, attempt.class, index, attempt.first, attempt.parent);
        self.slab[next].phase = Phase::BackingOff;
        self.slab[next].key = attempt.key;
        match client {
            Some(index) => self.clients[index].back_off(self.now, 1),
            None => self.slab[attempt.parent].child = next,
        }
        self.schedule(wait, Kind::Retry, next);
    }
}
