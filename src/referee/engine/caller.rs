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
        let policy = &self.settings.policies[stream];
        let caller = &mut self.callers[stream];
        let count = caller.processes.len();
        let process = if count > 1 { ((caller.choice.uniform() * count as f64) as usize).min(count - 1) } else { 0 };
        caller.processes[process].begin(policy, self.now);
        let slot = self.slab.take(stream as u16, class, 1, self.now, parent);
        self.slab[slot].process = process as u32;
        if parent != NONE {
            self.add_child(parent, slot);
        }
        self.send_if_allowed(slot);
        slot
    }

    /// An attempt is sent unless its client process holds it back, which ends its request.
    fn send_if_allowed(&mut self, slot: u32) {
        let attempt = self.slab[slot];
        let stream = usize::from(attempt.stream);
        let policy = &self.settings.policies[stream];
        let caller = &mut self.callers[stream];
        let process = &mut caller.processes[attempt.process as usize];
        let Some(probe) = process.pass(policy, self.now, &mut caller.throttle) else {
            process.withheld(policy, &attempt);
            let client = self.client_of(slot);
            if let Some(index) = client {
                self.clients[index].count.withheld += 1;
            }
            self.slab.release(slot);
            return self.give_up(client, attempt.parent, slot);
        };
        self.slab[slot].probe = probe;
        self.send(slot);
    }

    /// A request, or a nested call, has failed for good.
    fn give_up(&mut self, client: Option<usize>, parent: u32, slot: u32) {
        match client {
            Some(index) => {
                self.clients[index].count.failed += 1;
                self.ended(index);
            }
            None if self.slab[parent].fan => {
                self.replace_child(parent, slot, NONE);
                self.one_of_many(parent, false);
            }
            None => {
                self.slab[parent].answer = Answer::Error;
                self.slab[parent].child = NONE;
                self.schedule(0.0, Kind::Resume, parent);
            }
        }
    }

    /// Back-off is over.
    pub(super) fn retry(&mut self, slot: u32) {
        if let Some(client) = self.client_of(slot) {
            self.clients[client].back_off(self.now, -1);
        }
        self.send_if_allowed(slot);
    }

    /// An attempt leaves its caller.
    pub(super) fn send(&mut self, slot: u32) {
        let stream = usize::from(self.slab[slot].stream);
        let client = self.client_of(slot);
        let attempt = &mut self.slab[slot];
        attempt.sent = self.now;
        attempt.phase = Phase::Outbound;
        let generation = attempt.generation;
        let (first, process) = (attempt.first, attempt.process as usize);
        let hedges = attempt.hedges;
        let policy = &self.settings.policies[stream];
        self.callers[stream].processes[process].sent(policy, self.now);
        if let Some((after, most)) = policy.hedge
            && hedges < most
        {
            self.schedule(after, Kind::Hedge, slot);
        }
        let inherited = self.inherited(slot);
        let policy = &self.settings.policies[stream];
        let left = (policy.deadline - (self.now - first)).min(inherited - self.now);
        let mut expires = f64::INFINITY;
        if (policy.timeout < f64::INFINITY || left < f64::INFINITY) && policy.gives_up == GivesUp::AtTimeout {
            let caller = &mut self.callers[stream];
            let timeout = match policy.patience {
                Patience::Fixed => policy.timeout,
                Patience::Exponential => policy.timeout * caller.patience.exponential(),
            };
            // Those above give up first, and are not told of a failure at the very instant.
            let own = self.now + timeout.min(left);
            expires = own.min(inherited);
            let deadline = if own < inherited { own } else { inherited.next_up() };
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
        if policy.propagate {
            self.slab[slot].expires = expires;
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

    /// The deadline that came with the request that makes a call, if the call passes it on; infinite otherwise.
    pub(super) fn inherited_by(&self, stream: usize, parent: u32) -> f64 {
        if parent != NONE && self.settings.policies[stream].propagate {
            self.slab[parent].expires
        } else {
            f64::INFINITY
        }
    }

    fn inherited(&self, slot: u32) -> f64 {
        self.inherited_by(usize::from(self.slab[slot].stream), self.slab[slot].parent)
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
        let answer = if late { Answer::Timeout } else { attempt.answer };
        self.callers[usize::from(attempt.stream)].processes[attempt.process as usize]
            .ended(policy, self.now, &attempt, answer);
        match answer {
            Answer::Well => {
                self.abandon_twins(slot);
                self.slab.release(slot);
                self.fill_cache(attempt.stream, attempt.key);
                match attempt.parent {
                    NONE => self.answered(usize::from(attempt.stream), attempt.first),
                    parent if self.slab[parent].fan => {
                        self.replace_child(parent, slot, NONE);
                        self.one_of_many(parent, true);
                    }
                    parent => self.next_call(parent),
                }
            }
            answer => {
                let alone = self.leave_twins(slot);
                self.slab.release(slot);
                self.failed(slot, &attempt, answer, alone);
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
        let policy = &self.settings.policies[usize::from(attempt.stream)];
        self.callers[usize::from(attempt.stream)].processes[attempt.process as usize].ended(
            policy,
            self.now,
            &attempt,
            Answer::Timeout,
        );
        let alone = self.leave_twins(slot);
        self.forget(slot);
        self.failed(slot, &attempt, Answer::Timeout, alone);
    }

    /// Nobody waits for an attempt any more, although it has not failed.
    pub(super) fn abandon(&mut self, slot: u32) {
        let attempt = self.slab[slot];
        let policy = &self.settings.policies[usize::from(attempt.stream)];
        let process = &mut self.callers[usize::from(attempt.stream)].processes[attempt.process as usize];
        process.dropped(policy, &attempt);
        self.abandon_twins(slot);
        self.forget(slot);
    }

    /// An attempt is left to itself, or taken out.
    pub(super) fn forget(&mut self, slot: u32) {
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

    /// An attempt has failed for its caller, who decides about the next one if no other is under way beside it.
    fn failed(&mut self, slot: u32, attempt: &super::super::slab::Attempt, answer: Answer, alone: bool) {
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
        if !alone {
            return;
        }
        let inherited = self.inherited_by(stream, attempt.parent);
        let caller = &mut self.callers[stream];
        let mut again =
            wanted && f64::from(attempt.index) < policy.attempts && caller.retry.happens(policy.probability);
        let mut pause = 0.0;
        if again {
            // Retry k waits backoff * growth^(k-1), at most the cap.
            let growth = if policy.growth == 1.0 { 1.0 } else { policy.growth.powf(f64::from(attempt.index) - 1.0) };
            let base = (policy.backoff * growth).min(policy.cap);
            pause = match policy.jitter {
                _ if base == 0.0 => 0.0,
                Jitter::None => base,
                Jitter::Full => base * caller.backoff.uniform(),
                Jitter::Equal => 0.5 * base * (1.0 + caller.backoff.uniform()),
                Jitter::Exponential => base * caller.backoff.exponential(),
                Jitter::Decorrelated => {
                    let last = if attempt.index == 1 { policy.backoff } else { attempt.pause };
                    (policy.backoff + caller.backoff.uniform() * (3.0 * last - policy.backoff)).min(policy.cap)
                }
            };
            again = self.now + pause < (attempt.first + policy.deadline).min(inherited);
        }
        let mut cost = 0.0;
        if again {
            match caller.processes[attempt.process as usize].retry(policy, self.now, answer) {
                Some(price) => cost = price,
                None => {
                    again = false;
                    if let Some(index) = client {
                        self.clients[index].count.unfunded += 1;
                    }
                }
            }
        }
        if !again {
            return self.give_up(client, attempt.parent, slot);
        }
        let index = attempt.index.saturating_add(1);
        let next = self.slab.take(attempt.stream, attempt.class, index, attempt.first, attempt.parent);
        let place = &mut self.slab[next];
        place.phase = Phase::BackingOff;
        place.process = attempt.process;
        place.key = attempt.key;
        place.pause = pause;
        place.cost = cost as f32;
        match client {
            Some(index) => self.clients[index].back_off(self.now, 1),
            None if self.slab[attempt.parent].fan => self.replace_child(attempt.parent, slot, next),
            None => self.slab[attempt.parent].child = next,
        }
        self.schedule(pause, Kind::Retry, next);
    }
}
