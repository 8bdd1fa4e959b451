//! The event loop of one replication.
//!
//! Four sources of events are merged: the calendar (work done, waits that end), the next arrival of each open-loop client,
//! a ring of deadlines per caller (a constant timeout runs out in the order of sending, so a queue is enough; deadlines of
//! attempts that have ended are skipped), and the times at which numbers change or samples are taken.

mod caller;
mod checks;
mod fanout;
mod fleet;
mod guard;
mod hedge;
mod lookup;
mod replicas;
mod service;

use super::cache::Cache;
use super::calendar::{Calendar, Entry, Kind, POLL};
use super::draw::{Luck, Purpose};
use super::edge::Edge;
use super::fleet::{Fleet, Nodes, Reading, Replica};
use super::plan::Plan;
use super::record::{BLOCKS, ClientCount, Run, Sample, Stop, empty};
use super::settings::{Settings, Source};
use super::slab::{NONE, Phase, Slab};
use super::station::Station;
use super::system::System;
use guard::Process;
use hdrhistogram::Histogram;
use std::collections::VecDeque;

/// Most attempts under way at once.
const MOST: usize = 20_000_000;
/// Deadlines of a caller before those of attempts that have ended are looked for.
const SWEEP: usize = 4096;

/// A caller: a client, or a service that calls another.
#[derive(Debug)]
struct Caller {
    target: u16,
    /// Its client processes, each with budgets and breakers of its own.
    processes: Vec<Process>,
    /// Deadlines in order of time: time, place, generation.
    ring: VecDeque<(f64, u32, u32)>,
    sweep: usize,
    patience: Luck,
    backoff: Luck,
    retry: Luck,
    calls: Luck,
    choice: Luck,
    throttle: Luck,
}

/// What only clients have.
#[derive(Debug)]
struct Client {
    /// Time of the next arrival; infinite in a closed loop.
    next: f64,
    /// Users in a closed loop who are there.
    users: u64,
    arrivals: Luck,
    network: Luck,
    count: ClientCount,
    since: f64,
}

impl Client {
    /// Time to the next arrival at one request per second.
    fn gap(&mut self, regular: bool) -> f64 {
        if regular { 1.0 } else { self.arrivals.exponential() }
    }

    /// Carries the integral of those in back-off on to a time, and changes their number.
    fn back_off(&mut self, now: f64, change: i32) {
        self.count.backoff_area += (now - self.since) * f64::from(self.count.in_backoff);
        self.count.in_backoff = self.count.in_backoff.wrapping_add_signed(change);
        self.since = now;
    }
}

/// One replication under way.
pub(super) struct Engine<'a> {
    system: &'a System,
    plan: &'a Plan,
    edges: &'a [Edge],
    settings: &'a Settings,
    replication: u64,
    now: f64,
    slab: Slab,
    calendar: Calendar,
    callers: Vec<Caller>,
    clients: Vec<Client>,
    stations: Vec<Station>,
    work: Vec<Luck>,
    mishaps: Vec<Luck>,
    gates: Vec<Luck>,
    caches: Vec<Cache>,
    /// What stands around each service.
    fleets: Vec<Fleet>,
    routes: Vec<Luck>,
    /// Calls made at once that are under way, by the place of their caller.
    fans: Vec<Vec<u32>>,
    samples: Vec<Sample>,
    latencies: Vec<Histogram<u64>>,
    block: f64,
    events: u64,
}

impl<'a> Engine<'a> {
    pub(super) fn new(system: &'a System, plan: &'a Plan, edges: &'a [Edge], replication: u64) -> Self {
        let settings = &edges[0].settings;
        let luck = |purpose, index| Luck::new(plan.seed, replication, purpose, index);
        let caller = |(index, &target): (usize, &u16)| Caller {
            target,
            processes: vec![Process::new(&settings.policies[index]); settings.policies[index].processes],
            ring: VecDeque::new(),
            sweep: SWEEP,
            patience: luck(Purpose::Patience, index),
            backoff: luck(Purpose::Backoff, index),
            retry: luck(Purpose::Retry, index),
            calls: luck(Purpose::Calls, index),
            choice: luck(Purpose::Processes, index),
            throttle: luck(Purpose::Throttle, index),
        };
        let client = |index: usize| Client {
            next: f64::INFINITY,
            users: 0,
            arrivals: luck(Purpose::Arrivals, index),
            network: luck(Purpose::Network, index),
            count: ClientCount::default(),
            since: 0.0,
        };
        let classes = 1 + usize::from(system.classes.iter().copied().max().unwrap_or(0));
        let station = |(shape, service): (&super::system::Shape, &super::settings::Service)| {
            let own = service.balancer.filter(|b| b.queues == crate::model::types::Queues::PerReplica);
            let single = if shape.order == crate::model::types::Order::Priority { classes } else { 1 };
            Station::new(own.map_or(single, |b| b.replicas as usize))
        };
        let services = system.services.len();
        let fleet = |service: &super::settings::Service| Fleet {
            replicas: service.balancer.map_or(Vec::new(), |b| vec![Replica::default(); b.replicas as usize]),
            nodes: service.scaler.map(|scaler| Nodes {
                ready: (service.servers / scaler.node).round(),
                starting: 0.0,
                cancelled: 0.0,
                signal: scaler.target,
                before: Reading::default(),
            }),
            ..Fleet::default()
        };
        let caches = settings.caches.iter().zip(&system.model.caches).enumerate().map(|(index, (numbers, cache))| {
            let warm = cache.begins.value == crate::model::types::Begins::Warm;
            Cache::new(numbers, warm, |purpose| luck(purpose, index))
        });
        let blocks = if plan.latencies { BLOCKS } else { 0 };
        Self {
            system,
            plan,
            edges,
            settings,
            replication,
            now: 0.0,
            slab: Slab::default(),
            calendar: Calendar::default(),
            callers: system.targets.iter().enumerate().map(caller).collect(),
            clients: (0..system.classes.len()).map(client).collect(),
            stations: system.services.iter().zip(&settings.services).map(station).collect(),
            work: (0..services).map(|i| luck(Purpose::Service, i)).collect(),
            mishaps: (0..services).map(|i| luck(Purpose::Errors, i)).collect(),
            gates: (0..services).map(|i| luck(Purpose::Admission, i)).collect(),
            caches: caches.collect(),
            fleets: settings.services.iter().map(fleet).collect(),
            routes: (0..services).map(|i| luck(Purpose::Routes, i)).collect(),
            fans: Vec::new(),
            samples: Vec::new(),
            latencies: (0..blocks).filter_map(|_| empty()).collect(),
            block: plan.horizon / BLOCKS as f64,
            events: 0,
        }
    }

    /// Runs to the horizon.
    pub(super) fn run(mut self) -> Run {
        self.begin();
        let mut edges = self.edges.iter().skip(1).peekable();
        let mut grid = 0_u64;
        let mut stopped = None;
        loop {
            let edge = edges.peek().map_or(f64::INFINITY, |e| e.time);
            let sample = (grid as f64 * self.plan.sample_every).min(self.plan.horizon);
            self.until(edge.min(sample));
            if self.slab.len() > MOST {
                stopped = Some(Stop::TooMany);
                break;
            }
            self.now = edge.min(sample);
            if edge <= sample {
                if let Some(edge) = edges.next() {
                    self.change(&edge.settings);
                }
                continue;
            }
            self.sample();
            grid += 1;
            if sample >= self.plan.horizon * (1.0 - 1e-12) {
                break;
            }
        }
        Run {
            replication: self.replication,
            samples: self.samples,
            latencies: self.latencies,
            block: self.block,
            events: self.events,
            stopped,
        }
    }

    /// Carries out all events before a time.
    fn until(&mut self, end: f64) {
        loop {
            let mut time = self.calendar.next();
            let mut source = usize::MAX;
            for (index, client) in self.clients.iter().enumerate() {
                if client.next < time {
                    time = client.next;
                    source = index;
                }
            }
            let time = time.min(end);
            // A deadline that comes first; work done at the same instant counts as in time.
            let mut due = None;
            for (index, caller) in self.callers.iter_mut().enumerate() {
                while let Some(&(deadline, slot, generation)) = caller.ring.front() {
                    if deadline >= due.map_or(time, |(_, first, _): (usize, f64, u32)| first) {
                        break;
                    }
                    if self.slab[slot].generation == generation {
                        due = Some((index, deadline, slot));
                        break;
                    }
                    caller.ring.pop_front();
                }
            }
            if let Some((index, deadline, slot)) = due {
                self.callers[index].ring.pop_front();
                self.now = deadline;
                self.events += 1;
                self.timeout(slot);
                continue;
            }
            if time >= end || self.slab.len() > MOST {
                return;
            }
            self.now = time;
            self.events += 1;
            if source != usize::MAX {
                self.arrival(source);
            } else if let Some(entry) = self.calendar.pop() {
                self.carry_out(entry);
            }
        }
    }

    #[inline]
    fn carry_out(&mut self, entry: Entry) {
        match entry.kind() {
            Kind::Think => return self.thought(entry.slot as usize),
            Kind::Pickup if entry.is_of(POLL) => return self.poll(entry.slot as usize),
            Kind::Pickup => return self.fill_slots(entry.slot as usize),
            Kind::Scale => return self.scale(entry.slot as usize),
            Kind::Ready => return self.node_ready(entry.slot as usize),
            Kind::Check => return self.check(entry.slot as usize, entry.number()),
            _ => {}
        }
        if !entry.is_of(self.slab[entry.slot].generation) {
            // It ended meanwhile: nothing happened.
            self.events -= 1;
            return;
        }
        match entry.kind() {
            Kind::Done => self.done(entry.slot),
            Kind::Retry => self.retry(entry.slot),
            Kind::Arrive => self.arrive(entry.slot),
            Kind::Answer => self.receive(entry.slot),
            Kind::Timeout => self.timeout(entry.slot),
            Kind::Resume => self.next_call(entry.slot),
            Kind::Hedge => self.hedge(entry.slot),
            Kind::Think | Kind::Pickup | Kind::Scale | Kind::Ready | Kind::Check => {}
        }
    }

    /// Draws the first arrivals.
    fn begin(&mut self) {
        for index in 0..self.clients.len() {
            self.first_arrival(index);
        }
        self.begin_scaling();
        self.begin_checks();
    }

    fn first_arrival(&mut self, index: usize) {
        match self.settings.clients[index].source {
            Source::Open { rate, regular } => {
                let client = &mut self.clients[index];
                client.next = self.now + client.gap(regular) / rate;
            }
            Source::Closed { users, .. } => {
                while ((self.clients[index].users + 1) as f64) <= users {
                    self.clients[index].users += 1;
                    self.think(index);
                }
            }
        }
    }

    /// Numbers change: Poisson streams, and work in slots, go on at their new speed from now on; freed room is used.
    fn change(&mut self, settings: &'a Settings) {
        let old = std::mem::replace(&mut self.settings, settings);
        for (cache, numbers) in self.caches.iter_mut().zip(&old.caches) {
            cache.advance(self.now, numbers.invalidate);
        }
        for index in 0..self.clients.len() {
            match (old.clients[index].source, settings.clients[index].source) {
                (Source::Open { rate: before, .. }, Source::Open { rate: after, .. }) if before != after => {
                    if before > 0.0 && self.clients[index].next.is_finite() {
                        let left = self.clients[index].next - self.now;
                        self.clients[index].next = self.now + left * before / after;
                    } else {
                        self.first_arrival(index);
                    }
                }
                (Source::Closed { .. }, Source::Closed { .. }) => self.first_arrival(index),
                _ => {}
            }
        }
        let speed: Vec<f64> = old.services.iter().zip(&settings.services).map(|(o, s)| s.time / o.time).collect();
        if speed.iter().any(|&s| s != 1.0) {
            let (now, slab, callers) = (self.now, &self.slab, &self.callers);
            self.calendar.reschedule(|entry| match entry.kind() {
                Kind::Done if entry.is_of(slab[entry.slot].generation) && slab[entry.slot].phase == Phase::Working => {
                    let target = callers[usize::from(slab[entry.slot].stream)].target;
                    now + (entry.time - now) * speed[usize::from(target)]
                }
                _ => entry.time,
            });
        }
        for (caller, policy) in self.callers.iter_mut().zip(&settings.policies) {
            caller.processes.iter_mut().for_each(|process| process.change(policy));
        }
        for place in 0..self.stations.len() {
            self.fill_slots(place);
        }
    }

    fn sample(&mut self) {
        for station in &mut self.stations {
            station.advance(self.now);
            station.count.inside = station.inside;
        }
        let now = self.now;
        self.clients.iter_mut().for_each(|client| client.back_off(now, 0));
        self.samples.push(Sample {
            time: self.now,
            stations: self.stations.iter().map(|s| s.count).collect(),
            clients: self.clients.iter().map(|c| c.count).collect(),
            caches: self.caches.iter().map(|c| c.count).collect(),
        });
    }

    #[inline]
    fn schedule(&mut self, after: f64, kind: Kind, slot: u32) {
        let generation = self.slab[slot].generation;
        self.calendar.push(Entry::new(self.now + after, kind, slot, generation));
    }

    /// Whether the caller of an attempt is a client.
    #[inline]
    fn client_of(&self, slot: u32) -> Option<usize> {
        let stream = usize::from(self.slab[slot].stream);
        (self.slab[slot].parent == NONE && stream < self.clients.len()).then_some(stream)
    }
}
