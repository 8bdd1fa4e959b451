//! The entries of one cache, least recently used out first.
//!
//! An entry expires at a time drawn when it was filled (exponential with mean `ttl`), is given out stale for a time drawn
//! then (mean `stale_while_revalidate`), and is lost to invalidation when the integral of its rate has grown by an
//! exponential amount since: memoryless times need to be looked at only when the key is asked for. What has died keeps its
//! room until then, or until it is put out.

use super::draw::{Luck, Purpose};
use super::settings::CacheNumbers;
use super::slab::NONE;
use rand_distr::{Distribution, Zeta, Zipf};
use std::collections::HashMap;

/// Counters of a cache since time 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CacheCount {
    /// Attempts that asked it.
    pub asked: u64,
    /// Answered from it, stale or not.
    pub hits: u64,
    /// Of these, with an expired entry.
    pub stale: u64,
    /// Misses refused by the limit on fetches.
    pub refused: u64,
    /// Answers put into it.
    pub fills: u64,
    /// Entries now, dead ones included that nobody asked for.
    pub entries: u64,
}

/// What a cache has for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Fresh,
    /// Expired; whether it is to be fetched anew now.
    Stale(bool),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: u64,
    newer: u32,
    older: u32,
    expires: f64,
    dies: f64,
    /// Integral of the invalidation rate at which it is lost.
    doom: f64,
    fetching: bool,
}

#[derive(Debug)]
enum Law {
    Uniform(f64),
    Zipf(Zipf<f64>),
    Zeta(Zeta<f64>),
}

#[derive(Debug)]
pub(super) struct Cache {
    places: HashMap<u64, u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    law: Law,
    asks: Luck,
    lives: Luck,
    /// Integral of the invalidation rate up to `since`.
    hazard: f64,
    since: f64,
    tokens: f64,
    filled_at: f64,
    pub(super) count: CacheCount,
}

impl Cache {
    pub(super) fn new(numbers: &CacheNumbers, warm: bool, luck: impl Fn(Purpose) -> Luck) -> Self {
        let (keys, exponent) = (numbers.keys, numbers.zipf);
        let law = if keys.is_infinite() {
            Zeta::new(exponent).map_or(Law::Uniform(1.0), Law::Zeta)
        } else if exponent == 0.0 {
            Law::Uniform(keys.floor())
        } else {
            Zipf::new(keys.floor(), exponent).map_or(Law::Uniform(keys.floor()), Law::Zipf)
        };
        let mut cache = Self {
            places: HashMap::new(),
            entries: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            law,
            asks: luck(Purpose::Keys),
            lives: luck(Purpose::Entries),
            hazard: 0.0,
            since: 0.0,
            tokens: numbers.fetch_limit,
            filled_at: 0.0,
            count: CacheCount::default(),
        };
        if warm {
            for key in (1..=keys.min(numbers.entries) as u64).rev() {
                cache.fill(key, 0.0, numbers);
            }
            cache.count.fills = 0;
        }
        cache
    }

    /// A key as its popularity has it, from 1.
    pub(super) fn draw(&mut self) -> u64 {
        let rank = match &self.law {
            Law::Uniform(keys) => (self.asks.uniform() * keys).floor() + 1.0,
            Law::Zipf(law) => law.sample(self.asks.generator()),
            Law::Zeta(law) => law.sample(self.asks.generator()),
        };
        rank.clamp(1.0, 1e18) as u64
    }

    /// Carries the invalidation on to a time; to be called before its rate changes.
    pub(super) fn advance(&mut self, now: f64, rate: f64) {
        self.hazard += (now - self.since) * rate;
        self.since = now;
    }

    /// Looks a key up.
    pub(super) fn ask(&mut self, key: u64, now: f64, numbers: &CacheNumbers) -> Found {
        self.advance(now, numbers.invalidate);
        self.count.asked += 1;
        let Some(&place) = self.places.get(&key) else { return Found::Nothing };
        let entry = self.entries[place as usize];
        if now >= entry.dies || self.hazard >= entry.doom {
            self.remove(place);
            return Found::Nothing;
        }
        self.unlink(place);
        self.link(place);
        self.count.hits += 1;
        if now < entry.expires {
            return Found::Fresh;
        }
        self.count.stale += 1;
        self.entries[place as usize].fetching = true;
        Found::Stale(!entry.fetching)
    }

    /// A fetch of a stale entry has failed.
    pub(super) fn give_up(&mut self, key: u64) {
        if let Some(&place) = self.places.get(&key) {
            self.entries[place as usize].fetching = false;
        }
    }

    /// Whether the limit lets another fetch pass.
    pub(super) fn may_fetch(&mut self, now: f64, numbers: &CacheNumbers) -> bool {
        if numbers.fetch_limit.is_infinite() {
            return true;
        }
        // A second's worth may pass at once.
        self.tokens = (self.tokens + numbers.fetch_limit * (now - self.filled_at)).min(numbers.fetch_limit.max(1.0));
        self.filled_at = now;
        let passes = self.tokens >= 1.0;
        if passes {
            self.tokens -= 1.0;
        } else {
            self.count.refused += 1;
        }
        passes
    }

    /// Puts an answer in.
    pub(super) fn fill(&mut self, key: u64, now: f64, numbers: &CacheNumbers) {
        self.advance(now, numbers.invalidate);
        self.count.fills += 1;
        let expires = now + numbers.ttl * self.lives.exponential();
        let dies = if numbers.stale > 0.0 { expires + numbers.stale * self.lives.exponential() } else { expires };
        let doom = self.hazard + self.lives.exponential();
        let entry = Entry { key, newer: NONE, older: NONE, expires, dies, doom, fetching: false };
        if let Some(&place) = self.places.get(&key) {
            self.unlink(place);
            self.entries[place as usize] = entry;
            self.link(place);
            return;
        }
        while self.places.len() as f64 >= numbers.entries && self.oldest != NONE {
            self.remove(self.oldest);
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.entries.push(entry);
            self.entries.len() as u32 - 1
        });
        self.entries[place as usize] = entry;
        self.places.insert(key, place);
        self.link(place);
        self.count.entries = self.places.len() as u64;
    }

    fn remove(&mut self, place: u32) {
        self.unlink(place);
        self.places.remove(&self.entries[place as usize].key);
        self.free.push(place);
        self.count.entries = self.places.len() as u64;
    }

    fn unlink(&mut self, place: u32) {
        let Entry { newer, older, .. } = self.entries[place as usize];
        match newer {
            NONE => self.newest = older,
            n => self.entries[n as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            o => self.entries[o as usize].newer = newer,
        }
    }

    fn link(&mut self, place: u32) {
        let before = self.newest;
        self.entries[place as usize].newer = NONE;
        self.entries[place as usize].older = before;
        match before {
            NONE => self.oldest = place,
            b => self.entries[b as usize].newer = place,
        }
        self.newest = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: f64) -> (Cache, CacheNumbers) {
        let numbers = CacheNumbers {
            keys: 10.0,
            zipf: 0.0,
            entries,
            ttl: f64::INFINITY,
            stale: 0.0,
            hit_time: 0.0,
            invalidate: 0.0,
            fetch_limit: f64::INFINITY,
        };
        let cache = Cache::new(&numbers, false, |purpose| Luck::new(0, 0, purpose, 0));
        (cache, numbers)
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let (mut cache, numbers) = cache(3.0);
        for key in 1..=3 {
            cache.fill(key, 0.0, &numbers);
        }
        assert_eq!(cache.ask(1, 1.0, &numbers), Found::Fresh);
        cache.fill(4, 2.0, &numbers);
        let there: Vec<u64> = (1..=4).filter(|&k| cache.ask(k, 3.0, &numbers) == Found::Fresh).collect();
        assert_eq!(there, [1, 3, 4]);
        assert_eq!(cache.count.entries, 3);
    }

    #[test]
    fn a_share_of_exp_minus_one_outlives_an_invalidation_of_one() {
        let (mut cache, mut numbers) = cache(f64::INFINITY);
        for key in 1..=100_000 {
            cache.fill(key, 0.0, &numbers);
        }
        cache.advance(1.0, 0.0);
        numbers.invalidate = 10.0;
        cache.advance(1.1, 10.0);
        numbers.invalidate = 0.0;
        let left = (1..=100_000).filter(|&k| cache.ask(k, 2.0, &numbers) == Found::Fresh).count() as f64 / 1e5;
        assert!((left - (-1.0_f64).exp()).abs() < 4.0 * (0.23_f64 / 1e5).sqrt(), "{left}");
    }
}
