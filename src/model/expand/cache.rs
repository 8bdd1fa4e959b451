//! A cache in front of a service.
//!
//! Keys are asked for by a Zipf law, the k-th most popular in proportion to k^-a, and are put together in classes of
//! neighbouring ranks: class i has N_i keys and the share p_i of all L requests per second, λ_i = p_i L/N_i for each key.
//! State: the share w_i of the keys of a class that are in the cache, and with `stale_while_revalidate` the share x_i
//! that has expired but is still given out.
//!
//! ```text
//! hit ratio     h = Σ p_i (w_i + x_i)                    misses M = L (1 - h) go on to the service
//! fill rate     φ_i = λ_i κ/(1 + λ_i κ W)                of a cold key: until a miss that will be answered well arrives
//!                                                        1/(λ_i κ) pass, and W more until it is answered
//!               κ = good answers per miss = answered share · attempts per miss
//! w_i' = φ_i (1 - w_i - x_i) + ψ_i x_i - w_i (1/ttl + invalidate + e_i)
//! x_i' = w_i/ttl - x_i (ψ_i + 1/stale + invalidate + e_i)
//! fetched anew  ρ_i = 1/(1/λ_i + (1 - B) W) per stale key, ψ_i = ρ_i · answered share; one fetch at a time, whatever the load
//! ```
//!
//! For independent exponential times the means are exact at rest (renewal reward): w = ttl/(ttl + 1/(λκ) + W).
//! While a key is being fetched all who ask for it miss: a hot key that expires costs 1 + λ W fetches.
//!
//! Least recently used: a key leaves when X requests have come since it was last asked for (Che, Tung & Wang 2002). A key
//! of share q = p_i/N_i passes that age at the rate g_i = q L/(e^{qX} - 1), so that at rest w = 1 - e^{-qX}, which is Che's
//! formula. X is the age of the oldest entry, and grows by one with each request less what evictions take off:
//!
//! ```text
//! F = Σ N_i φ_i (1 - w_i - x_i),  E = Σ N_i (w_i + x_i) g_i,  θ = (occupied/entries)^16 · F/E
//! e_i = θ g_i,                    X' = L (1 - θ - X/X_most)          X_most keeps X finite in a cache that is not full
//! ```
//!
//! A retry follows a miss: its key was cold a timeout τ ago, and is warm now only if it was filled meanwhile,
//!
//! ```text
//! P(hit | retry) = Σ m_i (1 - e^{-φ_i d}) / Σ m_i,   m_i = p_i (1 - w_i - x_i) at t - τ,   d = τ + mean back-off
//! ```
//!
//! `fetch_limit` f is a bucket of one second's worth: of the attempts A that miss the share g = 1 - e^{-b} passes,
//! b' = f (1 - e^{-(f - b)}) - g A; the others are refused at once.
//!
//! L and κ are felt through a memory of [`MEMORY`]: a request that will be answered does not fill before it is.

mod classes;

use super::Builder;
use super::station::Station;
use crate::model::types::{Begins, Cache, CallPolicy, Client, LateAnswer, Retry, Service};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node, Unary};
use crate::process::lower::Type;
use crate::process::population::State;
use classes::{Class, age_when_full, classes};

/// Time constant of the smoothed rates, in seconds.
const MEMORY: f64 = 0.1;
/// Steepness of "full".
const FULL: f64 = 16.0;
/// Most good answers per miss.
const MOST_ANSWERS: f64 = 64.0;

/// Expressions of one cache.
#[derive(Debug, Clone)]
pub(super) struct Front {
    of: String,
    /// Popularity and number of keys of each class that can be warm.
    classes: Vec<Class>,
    fresh: Vec<(usize, Node)>,
    stale: Vec<(usize, Node)>,
    hit: Node,
    asked: (usize, Node),
    answers: (usize, Node),
    age: Option<(usize, Node)>,
    bucket: Option<(usize, Node)>,
    /// Fill rates of a cold key.
    fills: Vec<Node>,
    /// First attempts per second that ask it.
    firsts: Vec<Node>,
    /// Attempts per second that go on to the service, before `fetch_limit`, and the share of them answered well in time.
    pub(super) attempts: Vec<(Node, Node)>,
}

impl Builder<'_> {
    /// Creates the states of all caches in front of a service.
    pub(super) fn caches_of(&mut self, service: &Service) {
        let model = self.model;
        for cache in model.caches.iter().filter(|c| c.of.value == service.name.value) {
            let Some(station) = self.stations.get(&service.name.value).cloned() else { continue };
            let front = self.cache(cache, &station);
            self.fronts.insert(cache.name.value.clone(), front);
        }
    }

    fn cache(&mut self, cache: &Cache, station: &Station) -> Front {
        let name = cache.name.value.as_str();
        let classes = classes(cache);
        let load = self.asked_of(name);
        let warm = cache.begins.value == Begins::Warm;
        let oldest = age_when_full(cache, &classes);
        let state = |b: &mut Self, suffix: String, (start, upper, scale): (f64, f64, f64), unit: &str, about: &str| {
            b.process.state(State {
                info: StateInfo { name: format!("{name}.{suffix}"), start, lower: 0.0, upper, scale },
                unit: unit.to_owned(),
                about: about.to_owned(),
            })
        };
        let mut fresh = Vec::new();
        let mut stale = Vec::new();
        for (i, class) in classes.iter().enumerate() {
            let start = match (warm, oldest) {
                (false, _) => 0.0,
                (true, None) => 1.0,
                (true, Some(age)) => 1.0 - (-class.each() * age).exp(),
            };
            let about = format!("share of the keys of ranks {} to {} in the cache", class.from, class.to);
            fresh.push(state(self, format!("warm_{}", i + 1), (start, 1.0, 0.5), "", &about));
            if cache.stale.value > 0.0 {
                let about =
                    format!("share of the keys of ranks {} to {} expired, still given out", class.from, class.to);
                stale.push(state(self, format!("stale_{}", i + 1), (0.0, 1.0, 0.5), "", &about));
            }
        }
        let about = "requests that ask the cache, as it remembers them";
        let asked = state(self, "asked".to_owned(), (load, f64::INFINITY, load.max(1.0)), "req/s", about);
        let answers = state(self, "answers".to_owned(), (1.0, MOST_ANSWERS, 1.0), "", "good answers per miss");
        let age = oldest.map(|age| {
            let about = "requests since the oldest entry was asked for";
            state(self, "age".to_owned(), (if warm { age } else { 1e-3 * age }, 1e6 * age, age), "req", about)
        });
        let bucket = cache.fetch_limit.value.is_finite().then(|| {
            let size = cache.fetch_limit.value;
            let about = "fetches that may pass at once";
            let (index, node) = state(self, "fetches".to_owned(), (size, 1.01 * size + 1.0, size), "req", about);
            let minus = self.process.graph.neg(node);
            let empty = self.process.graph.unary(Unary::Exp, minus);
            (index, self.not(empty))
        });
        let parts: Vec<Node> = (0..classes.len())
            .map(|i| {
                let kept = stale.get(i).map_or(fresh[i].1, |s| self.add(fresh[i].1, s.1));
                let p = self.c(classes[i].popularity);
                self.mul(p, kept)
            })
            .collect();
        let hit = self.process.graph.sum(&parts);
        let wait = self.fetch_time(cache, station);
        let fills = classes
            .iter()
            .map(|class| {
                let each = self.c(class.each());
                let rate = self.mul(each, asked.1);
                let rate = self.mul(rate, answers.1);
                let during = self.mul(rate, wait);
                let one = self.c(1.0);
                let cycle = self.add(one, during);
                self.div(rate, cycle)
            })
            .collect();
        self.output(
            format!("{name}.hit_ratio"),
            hit,
            Type::Quantity(Dimension::NONE),
            "",
            "share of requests it answers",
        );
        Front {
            of: cache.of.value.clone(),
            classes,
            fresh,
            stale,
            hit,
            asked,
            answers,
            age,
            bucket,
            fills,
            firsts: Vec::new(),
            attempts: Vec::new(),
        }
    }

    /// Requests per second that ask a cache, as written in the file.
    fn asked_of(&self, name: &str) -> f64 {
        let through = |c: &&Client| c.policy.through.as_ref().is_some_and(|t| t.value == name);
        let load = |c: &Client| match &c.arrivals {
            crate::model::types::Arrivals::Open { load } => load.value,
            crate::model::types::Arrivals::Closed { users, think } => users.value / think.value.max(1e-3),
        };
        let total: f64 = self.model.clients.iter().filter(through).map(load).sum();
        if total > 0.0 { total } else { self.model.clients.iter().map(load).sum::<f64>().max(1.0) }
    }

    /// Mean time until a fetch that fills is answered: the wait, but no longer than the callers' patience.
    fn fetch_time(&mut self, cache: &Cache, station: &Station) -> Node {
        let model = self.model;
        let policies = model.clients.iter().map(|c| &c.policy);
        let policies = policies.chain(model.services.iter().flat_map(|s| s.calls.iter().map(|c| &c.policy)));
        let through = |p: &&CallPolicy| p.through.as_ref().is_some_and(|t| t.value == cache.name.value);
        let timeout = policies.filter(through).find_map(|p| p.timeout.as_ref());
        match (timeout, cache.late.value) {
            (Some(timeout), LateAnswer::Lost) => {
                let timeout = self.number(timeout);
                self.process.graph.binary(Binary::Min, station.wait, timeout)
            }
            _ => station.wait,
        }
    }

    /// Attempts that ask a cache first: those that go on to the service, and the hits.
    pub(super) fn misses(&mut self, policy: &CallPolicy, first: Node) -> (Node, Option<Node>) {
        let Some(front) = policy.through.as_ref().and_then(|t| self.fronts.get_mut(&t.value)) else {
            return (first, None);
        };
        front.firsts.push(first);
        let hit = front.hit;
        let hits = self.mul(first, hit);
        let miss = self.not(hit);
        (self.mul(first, miss), Some(hits))
    }

    /// Share of retries that miss again, if there is a cache.
    pub(super) fn misses_again(&mut self, policy: &CallPolicy, retry: &Retry, k: usize) -> Option<Node> {
        let front = policy.through.as_ref().and_then(|t| self.fronts.get(&t.value)).cloned()?;
        let backoff = self.mean_backoff(retry, k);
        let timeout = policy.timeout.as_ref().map(|t| self.number(t));
        let pause = timeout.map_or(backoff, |t| self.add(t, backoff));
        let (mut cold, mut filled) = (Vec::new(), Vec::new());
        for (i, class) in front.classes.iter().enumerate() {
            let kept = front.stale.get(i).map_or(front.fresh[i].1, |s| self.add(front.fresh[i].1, s.1));
            let absent = self.not(kept);
            let p = self.c(class.popularity);
            let missed = self.mul(p, absent);
            let missed = timeout.map_or(missed, |t| self.process.graph.delayed(missed, t));
            let exponent = self.mul(front.fills[i], pause);
            let exponent = self.process.graph.neg(exponent);
            let still = self.process.graph.unary(Unary::Exp, exponent);
            let meanwhile = self.not(still);
            cold.push(missed);
            filled.push(self.mul(missed, meanwhile));
        }
        // Keys of no class are never warm.
        let known: f64 = front.classes.iter().map(|c| c.popularity).sum();
        cold.push(self.c((1.0 - known).max(1e-9)));
        let (cold, filled) = (self.process.graph.sum(&cold), self.process.graph.sum(&filled));
        let share = self.div(filled, cold);
        Some(self.not(share))
    }

    pub(super) fn passing(&self, policy: &CallPolicy) -> Option<Node> {
        policy.through.as_ref().and_then(|t| self.fronts.get(&t.value)).and_then(|f| f.bucket).map(|b| b.1)
    }

    /// A nested call through a cache: mean time and probability that it ends well.
    pub(super) fn past_cache(&mut self, policy: &CallPolicy, (time, success): (Node, Node)) -> (Node, Node) {
        let model = self.model;
        let Some(through) = &policy.through else { return (time, success) };
        let Some(cache) = model.caches.iter().find(|c| c.name.value == through.value) else { return (time, success) };
        let Some(hit) = self.fronts.get(&through.value).map(|f| f.hit) else { return (time, success) };
        let miss = self.not(hit);
        let hit_time = self.number(&cache.hit_time);
        let (short, long) = (self.mul(hit, hit_time), self.mul(miss, time));
        let well = self.mul(miss, success);
        (self.add(short, long), self.add(hit, well))
    }

    /// Streams of fetches of stale entries.
    pub(super) fn refreshes(&mut self) {
        let model = self.model;
        for cache in model.caches.iter().filter(|c| c.stale.value > 0.0) {
            let Some(front) = self.fronts.get(&cache.name.value).cloned() else { continue };
            let rates = self.refresh_rates(&front);
            let fetches: Vec<Node> = rates
                .iter()
                .enumerate()
                .map(|(i, &rate)| {
                    let keys = self.c(front.classes[i].keys);
                    let stale = self.mul(keys, front.stale[i].1);
                    self.mul(stale, rate)
                })
                .collect();
            let total = self.process.graph.sum(&fetches);
            let name = format!("{}.refresh", cache.name.value);
            self.plain_stream(&name, &front.of, total);
            self.output(name, total, Type::Quantity(Dimension::REQUEST_RATE), "req/s", "stale entries fetched anew");
        }
    }

    /// Fetches per second of a stale key of each class: ρ_i.
    fn refresh_rates(&mut self, front: &Front) -> Vec<Node> {
        let Some(station) = self.stations.get(&front.of).cloned() else { return Vec::new() };
        let accepted = self.not(station.blocked);
        let during = self.mul(accepted, station.wait);
        front
            .classes
            .iter()
            .map(|class| {
                let each = self.c(class.each());
                let rate = self.mul(each, front.asked.1);
                let load = self.mul(rate, during);
                let one = self.c(1.0);
                let cycle = self.add(one, load);
                self.div(rate, cycle)
            })
            .collect()
    }

    /// Balance of all caches, once all streams are known.
    pub(super) fn cache_balances(&mut self) {
        let model = self.model;
        for cache in &model.caches {
            if let Some(front) = self.fronts.get(&cache.name.value).cloned() {
                self.cache_balance(cache, &front);
            }
        }
    }

    fn cache_balance(&mut self, cache: &Cache, front: &Front) {
        let Some(station) = self.stations.get(&front.of).cloned() else { return };
        let memory = self.c(MEMORY);
        let asked = self.process.graph.sum(&front.firsts);
        let change = self.sub(asked, front.asked.1);
        let flow = self.div(change, memory);
        self.process.flows.push((front.asked.0, flow));
        // Good answers leave with the departures of the service.
        let offered = self.process.graph.sum(&station.attempt_rates());
        let well = self.not(station.error_share);
        let passing = front.bucket.map(|b| b.1);
        let mut good = Vec::new();
        for &(attempts, in_time) in &front.attempts {
            let sent = passing.map_or(attempts, |p| self.mul(attempts, p));
            let tiny = self.c(1e-9);
            let all = self.add(offered, tiny);
            let share = self.div(sent, all);
            let leaving = self.mul(station.departures, share);
            let filling = match cache.late.value {
                LateAnswer::Lost => self.mul(leaving, in_time),
                LateAnswer::Fills => leaving,
            };
            good.push(self.mul(filling, well));
        }
        let good = self.process.graph.sum(&good);
        let miss = self.not(front.hit);
        let misses = self.mul(front.asked.1, miss);
        let least = self.c(1e-6);
        let least = self.mul(least, front.asked.1);
        let misses = self.add(misses, least);
        let tiny = self.c(1e-9);
        let misses = self.add(misses, tiny);
        let ratio = self.div(good, misses);
        let most = self.c(MOST_ANSWERS);
        let ratio = self.process.graph.binary(Binary::Min, ratio, most);
        let change = self.sub(ratio, front.answers.1);
        let flow = self.div(change, memory);
        self.process.flows.push((front.answers.0, flow));
        if let Some((index, passing)) = front.bucket {
            let attempts: Vec<Node> = front.attempts.iter().map(|a| a.0).collect();
            let attempts = self.process.graph.sum(&attempts);
            let limit = self.number(&cache.fetch_limit);
            let level = self.process.graph.state(index);
            let room = self.sub(level, limit);
            let full = self.process.graph.unary(Unary::Exp, room);
            let open = self.not(full);
            let earned = self.mul(limit, open);
            let spent = self.mul(passing, attempts);
            let flow = self.sub(earned, spent);
            self.process.flows.push((index, flow));
        }
        self.entries_flow(cache, front);
    }

    /// Flows of the shares of keys in the cache, and of the age of the oldest.
    fn entries_flow(&mut self, cache: &Cache, front: &Front) {
        let Some(station) = self.stations.get(&front.of).cloned() else { return };
        let kept: Vec<Node> = (0..front.classes.len())
            .map(|i| front.stale.get(i).map_or(front.fresh[i].1, |s| self.add(front.fresh[i].1, s.1)))
            .collect();
        let filled: Vec<Node> = (0..kept.len())
            .map(|i| {
                let cold = self.not(kept[i]);
                self.mul(front.fills[i], cold)
            })
            .collect();
        let evictions = self.evictions(cache, front, &kept, &filled);
        let invalidate = self.number(&cache.invalidate);
        let expiry = cache.ttl.value.is_finite().then(|| self.number(&cache.ttl));
        let refresh = if front.stale.is_empty() { Vec::new() } else { self.refresh_rates(front) };
        let accepted = self.not(station.blocked);
        let well = self.not(station.error_share);
        let well = self.mul(accepted, well);
        for i in 0..kept.len() {
            let lost = evictions.as_ref().map_or(invalidate, |e| self.add(invalidate, e[i]));
            let expired = expiry.map(|ttl| self.div(front.fresh[i].1, ttl));
            let gone = self.mul(front.fresh[i].1, lost);
            let mut flow = self.sub(filled[i], gone);
            if let Some(expired) = expired {
                flow = self.sub(flow, expired);
            }
            if let Some(&(index, stale)) = front.stale.get(i) {
                let anew = self.mul(refresh[i], well);
                let anew = self.mul(anew, stale);
                flow = self.add(flow, anew);
                let window = self.number(&cache.stale);
                let over = self.div(stale, window);
                let gone = self.mul(stale, lost);
                let out = self.process.graph.sum(&[anew, over, gone]);
                let zero = self.c(0.0);
                let stale_flow = self.sub(expired.unwrap_or(zero), out);
                self.process.flows.push((index, stale_flow));
            }
            self.process.flows.push((front.fresh[i].0, flow));
        }
    }

    /// Rates e_i at which entries of each class are put out; `None` where everything fits.
    fn evictions(&mut self, cache: &Cache, front: &Front, kept: &[Node], filled: &[Node]) -> Option<Vec<Node>> {
        let (index, age) = front.age?;
        let entries = self.number(&cache.entries);
        let tiny = self.c(1e-12);
        let mut passing = Vec::new();
        let (mut occupied, mut fills, mut leaving) = (Vec::new(), Vec::new(), Vec::new());
        for (i, class) in front.classes.iter().enumerate() {
            let (each, keys) = (self.c(class.each()), self.c(class.keys));
            let exponent = self.mul(each, age);
            let exponent = self.process.graph.neg(exponent);
            let decay = self.process.graph.unary(Unary::Exp, exponent);
            let rest = self.not(decay);
            let rest = self.add(rest, tiny);
            let rate = self.mul(each, front.asked.1);
            let rate = self.mul(rate, decay);
            let g = self.div(rate, rest);
            let inside = self.mul(keys, kept[i]);
            occupied.push(inside);
            fills.push(self.mul(keys, filled[i]));
            leaving.push(self.mul(inside, g));
            passing.push(g);
        }
        let occupied = self.process.graph.sum(&occupied);
        let (fills, leaving) = (self.process.graph.sum(&fills), self.process.graph.sum(&leaving));
        let level = self.div(occupied, entries);
        let full = self.process.graph.power(level, FULL);
        let least = self.c(1e-9);
        let leaving = self.add(leaving, least);
        let pressure = self.div(fills, leaving);
        let theta = self.mul(full, pressure);
        let most = age_when_full(cache, &front.classes).unwrap_or(1.0) * 1e3;
        let most = self.c(most);
        let worn = self.div(age, most);
        let slowed = self.not(theta);
        let slowed = self.sub(slowed, worn);
        let flow = self.mul(front.asked.1, slowed);
        self.process.flows.push((index, flow));
        Some(passing.into_iter().map(|g| self.mul(theta, g)).collect())
    }
}
