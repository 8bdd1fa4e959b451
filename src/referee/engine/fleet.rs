//! What stands around services: slots that move, replicas that are taken out, errors that cost time.

use super::super::calendar::{Entry, Kind};
use super::super::fleet::Reading;
use super::super::slab::{Answer, Phase};
use super::Engine;
use crate::model::types::{Counts, Needs, Routing, Signal};

impl Engine<'_> {
    /// Slots there are now.
    fn slots(&self, place: usize) -> f64 {
        match (self.fleets[place].nodes, &self.settings.services[place].scaler) {
            (Some(nodes), Some(scaler)) => (scaler.node * nodes.ready - scaler.start_up_cost * nodes.starting).max(0.0),
            _ => self.settings.services[place].servers,
        }
    }

    /// Whether somebody can start now.
    #[inline]
    pub(super) fn has_free_slot(&self, place: usize) -> bool {
        let service = &self.settings.services[place];
        if service.balancer.is_some() {
            return self.free_slots(place) > 0;
        }
        if service.scaler.is_none() {
            return f64::from(self.stations[place].busy) < service.servers;
        }
        f64::from(self.stations[place].busy) + 1.0 <= self.slots(place) + 1e-9
    }

    /// Free slots of sound replicas in use.
    fn free_slots(&self, place: usize) -> u32 {
        let service = &self.settings.services[place];
        let Some(balancer) = &service.balancer else { return 0 };
        let fleet = &self.fleets[place];
        let sound = fleet.in_use(self.now, balancer.panic).filter(|&r| r as f64 >= balancer.broken);
        sound.map(|r| fleet.slots(r, service.servers).saturating_sub(fleet.replicas[r].busy)).sum()
    }

    /// Gives an attempt that starts to a replica, any free slot as likely as another.
    pub(super) fn assign(&mut self, slot: u32, place: usize) {
        let service = &self.settings.services[place];
        let Some(balancer) = &service.balancer else { return };
        if let Some(r) = usize::from(self.slab[slot].replica).checked_sub(1) {
            self.fleets[place].replicas[r].busy += 1;
            return;
        }
        let free = self.free_slots(place);
        let mut pick = (self.routes[place].uniform() * f64::from(free)) as u32;
        let fleet = &mut self.fleets[place];
        let chosen = {
            let fleet = &*fleet;
            let mut sound = fleet.in_use(self.now, balancer.panic).filter(|&r| r as f64 >= balancer.broken);
            sound.find(|&r| {
                let here = fleet.slots(r, service.servers).saturating_sub(fleet.replicas[r].busy);
                let found = pick < here;
                pick = pick.saturating_sub(here);
                found
            })
        };
        if let Some(r) = chosen {
            fleet.replicas[r].busy += 1;
            self.slab[slot].replica = r as u16 + 1;
        }
    }

    /// An attempt that held a slot leaves its replica; a late or wrong answer counts against it.
    pub(super) fn release_replica(&mut self, slot: u32, place: usize, failed: Option<bool>) {
        if let Some(failed) = failed {
            self.fleets[place].failed = failed;
            self.fleets[place].well += u64::from(!failed);
        }
        let Some(r) = usize::from(self.slab[slot].replica).checked_sub(1) else { return };
        self.slab[slot].replica = 0;
        let works = self.slab[slot].phase != Phase::Waiting;
        let replica = &mut self.fleets[place].replicas[r];
        replica.busy = replica.busy.saturating_sub(u32::from(works));
        replica.inside = replica.inside.saturating_sub(1);
        match failed {
            Some(true) => self.count_failure(place, r),
            Some(false) => replica.failures = 0,
            None => {}
        }
    }

    pub(super) fn count_failure(&mut self, place: usize, r: usize) {
        let Some(balancer) = &self.settings.services[place].balancer else { return };
        let now = self.now;
        let fleet = &mut self.fleets[place];
        let out = fleet.replicas.iter().filter(|r| r.back > now).count() as f64;
        let number = fleet.replicas.len() as f64;
        let replica = &mut fleet.replicas[r];
        replica.failures += 1;
        if replica.back <= now
            && f64::from(replica.failures) >= balancer.failures
            && out + 1.0 <= balancer.most_ejected * number
        {
            replica.failures = 0;
            replica.back = now + balancer.eject_for * self.routes[place].exponential();
            self.calendar.push(Entry::new(replica.back, Kind::Pickup, place as u32, 0));
        }
    }

    /// Whether an attempt is sent to a broken replica, which refuses it.
    pub(super) fn meets_broken(&mut self, slot: u32, place: usize) -> bool {
        let service = &self.settings.services[place];
        let Some(balancer) = &service.balancer else { return false };
        if balancer.broken == 0.0 {
            return false;
        }
        let fleet = &self.fleets[place];
        let used: Vec<usize> = fleet.in_use(self.now, balancer.panic).collect();
        let broken: Vec<usize> = used.iter().copied().filter(|&r| (r as f64) < balancer.broken).collect();
        let share = match balancer.policy {
            Routing::RoundRobin | Routing::Random => broken.len() as f64 / used.len().max(1) as f64,
            Routing::LeastRequests => {
                let idle: u32 = broken.iter().map(|&r| fleet.slots(r, service.servers)).sum();
                let free = self.free_slots(place);
                f64::from(idle) / f64::from((idle + free).max(1))
            }
        };
        if broken.is_empty() || !self.routes[place].happens(share) {
            return false;
        }
        let pick = (self.routes[place].uniform() * broken.len() as f64) as usize;
        self.count_failure(place, broken[pick.min(broken.len() - 1)]);
        self.respond(slot, Answer::Reject);
        true
    }

    /// An answer that is an error, or that nobody waits for, keeps its slot longer; whether it does.
    pub(super) fn takes_error_path(&mut self, slot: u32, place: usize) -> bool {
        let time = self.settings.services[place].error_time;
        if time == 0.0 || self.slab[slot].failing {
            return false;
        }
        let share = self.settings.services[place].error_share;
        if self.slab[slot].answer != Answer::Error && self.mishaps[place].happens(share) {
            self.slab[slot].answer = Answer::Error;
        }
        self.slab[slot].failing = true;
        if self.slab[slot].answer != Answer::Error && !self.slab[slot].abandoned {
            return false;
        }
        self.slab[slot].phase = Phase::Working;
        self.schedule(time, Kind::Done, slot);
        true
    }

    /// First decisions of all autoscalers.
    pub(super) fn begin_scaling(&mut self) {
        for place in 0..self.stations.len() {
            if let Some(scaler) = &self.settings.services[place].scaler {
                self.calendar.push(Entry::new(self.now + scaler.sync, Kind::Scale, place as u32, 0));
            }
        }
    }

    /// A node has started.
    pub(super) fn node_ready(&mut self, place: usize) {
        if let Some(nodes) = self.fleets[place].nodes.as_mut().filter(|n| n.cancelled > 0.0) {
            nodes.cancelled -= 1.0;
            return;
        }
        if let Some(scaler) = &self.settings.services[place].scaler
            && scaler.needs == Needs::Answer
            && self.fleets[place].failed
        {
            let again = scaler.start_up / 3.0 * self.routes[place].exponential();
            return self.calendar.push(Entry::new(self.now + again, Kind::Ready, place as u32, 0));
        }
        if let Some(nodes) = &mut self.fleets[place].nodes {
            nodes.starting -= 1.0;
            nodes.ready += 1.0;
        }
        self.fill_slots(place);
    }

    /// An autoscaler looks at its signal and decides.
    pub(super) fn scale(&mut self, place: usize) {
        let settings = self.settings;
        let Some(scaler) = &settings.services[place].scaler else { return };
        self.stations[place].advance(self.now);
        let slots = self.slots(place);
        let count = self.stations[place].count;
        let Some(mut nodes) = self.fleets[place].nodes else { return };
        let last = nodes.before;
        let now = Reading {
            time: self.now,
            busy: count.busy_area,
            inside: count.inside_area,
            offered: count.offered as f64,
            well: self.fleets[place].well as f64,
            served: count.served as f64,
        };
        let span = now.time - last.time;
        let per_node = |area: f64| area / span / nodes.ready.max(1e-3);
        let seen = match scaler.signal {
            Signal::Utilisation => ((now.busy - last.busy) / span / slots.max(1e-9)).min(1.0),
            Signal::Queue => per_node(now.inside - last.inside - now.busy + last.busy),
            Signal::Concurrency => per_node(now.inside - last.inside),
            Signal::Rate => per_node(now.offered - last.offered),
            Signal::Goodput => per_node(now.well - last.well),
        };
        nodes.signal += (1.0 - (-span / scaler.window).exp()) * (seen - nodes.signal);
        nodes.before = now;
        let served = now.served - last.served;
        let wrong = if served > 0.0 {
            1.0 - (now.well - last.well) / served
        } else {
            f64::from(u8::from(self.fleets[place].failed))
        };
        let dies = 1.0 - (-span * wrong / scaler.killed_after).exp();
        for _ in 0..(nodes.ready - scaler.min).max(0.0) as u64 {
            nodes.ready -= f64::from(u8::from(self.routes[place].happens(dies)));
        }
        let all = nodes.ready + nodes.starting;
        let counted = if scaler.counts == Counts::All { all } else { nodes.ready };
        let ratio = nodes.signal / scaler.target;
        let wanted = if (ratio - 1.0).abs() > scaler.tolerance { (counted * ratio).ceil() } else { all };
        let wanted = wanted.min((all * scaler.step).floor()).max(scaler.min).min(scaler.max).floor();
        if wanted < all {
            let surplus = (all - wanted) * (1.0 - (-span / scaler.cool_down).exp());
            let extra = self.routes[place].happens(surplus.fract());
            for _ in 0..surplus as u64 + u64::from(extra) {
                if self.routes[place].happens(nodes.starting / (nodes.starting + nodes.ready).max(1.0)) {
                    nodes.starting -= 1.0;
                    nodes.cancelled += 1.0;
                } else {
                    nodes.ready -= 1.0;
                }
            }
        }
        let missing = (wanted - all).max(0.0);
        for _ in 0..missing as u64 {
            let luck = &mut self.routes[place];
            let stages = luck.exponential() + luck.exponential() + luck.exponential();
            self.calendar.push(Entry::new(self.now + scaler.start_up * stages / 3.0, Kind::Ready, place as u32, 0));
        }
        nodes.starting += missing;
        self.fleets[place].nodes = Some(nodes);
        self.calendar.push(Entry::new(self.now + scaler.sync, Kind::Scale, place as u32, 0));
    }
}
