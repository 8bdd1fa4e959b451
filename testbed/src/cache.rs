//! A cache of keys, with room for some of them: a newcomer takes the place of one drawn at random. A key that has been
//! in it for its time to live counts as missing, and is put in anew.

use chacha20::ChaCha8Rng;
use rand::RngExt;
use std::time::{Duration, Instant};

/// Which keys are in the cache.
#[derive(Debug)]
pub struct Cache {
    /// Those inside, in no order.
    inside: Vec<u32>,
    /// For every key, its place in `inside`.
    place: Vec<Option<usize>>,
    /// For every key inside, when it was put in.
    since: Vec<Instant>,
    room: usize,
    ttl: Duration,
    random: ChaCha8Rng,
}

impl Cache {
    /// An empty cache for some of the keys from 0 to `keys - 1`.
    #[must_use]
    pub fn new(keys: u32, room: usize, ttl: Duration, random: ChaCha8Rng) -> Self {
        let since = vec![Instant::now(); keys as usize];
        Self { inside: Vec::new(), place: vec![None; keys as usize], since, room, ttl, random }
    }

    /// Whether this key is in it and alive.
    #[must_use]
    pub fn has(&self, key: u32, now: Instant) -> bool {
        let key = key as usize;
        self.place.get(key).is_some_and(Option::is_some)
            && self.since.get(key).is_some_and(|since| now.saturating_duration_since(*since) < self.ttl)
    }

    /// How many are in it, alive or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inside.len()
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inside.is_empty()
    }

    /// Puts a key in; one that is there lives anew. Nothing happens if it is no key.
    pub fn insert(&mut self, key: u32, now: Instant) {
        let Some(since) = self.since.get_mut(key as usize) else { return };
        *since = now;
        if self.room == 0 || self.place.get(key as usize).is_none_or(Option::is_some) {
            return;
        }
        while self.inside.len() >= self.room {
            let victim = self.random.random_range(0..self.inside.len());
            self.remove(victim);
        }
        if let Some(place) = self.place.get_mut(key as usize) {
            *place = Some(self.inside.len());
            self.inside.push(key);
        }
    }

    fn remove(&mut self, victim: usize) {
        let key = self.inside.swap_remove(victim);
        if let Some(place) = self.place.get_mut(key as usize) {
            *place = None;
        }
        if let Some(moved) = self.inside.get(victim)
            && let Some(place) = self.place.get_mut(*moved as usize)
        {
            *place = Some(victim);
        }
    }

    /// Fills it with keys drawn at random, with ages spread evenly over their time to live, those that are in it too.
    pub fn fill(&mut self, now: Instant) {
        let keys = self.place.len() as u32;
        while self.inside.len() < self.room.min(keys as usize) {
            let key = self.random.random_range(0..keys);
            self.insert(key, now);
        }
        for since in &mut self.since {
            let age = self.ttl.mul_f64(self.random.random::<f64>());
            *since = now.checked_sub(age).unwrap_or(now);
        }
    }

    /// Loses a share of what is in it.
    pub fn flush(&mut self, share: f64) {
        let kept = self.inside.len() - (self.inside.len() as f64 * share.clamp(0.0, 1.0)).round() as usize;
        while self.inside.len() > kept {
            let victim = self.random.random_range(0..self.inside.len());
            self.remove(victim);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn cache() -> Cache {
        Cache::new(100, 90, Duration::from_secs(60), ChaCha8Rng::seed_from_u64(1))
    }

    fn consistent(cache: &Cache) {
        let found = (0..100).filter(|key| cache.has(*key, Instant::now())).count();
        assert_eq!(found, cache.len());
    }

    #[test]
    fn it_holds_no_more_than_its_room_and_always_the_newest() {
        let mut cache = cache();
        for key in (0..100).chain(0..100) {
            cache.insert(key, Instant::now());
            assert!(cache.has(key, Instant::now()));
            assert!(cache.len() <= 90);
            consistent(&cache);
        }
        assert_eq!(cache.len(), 90);
    }

    #[test]
    fn a_flush_loses_its_share_and_a_fill_brings_all_back() {
        let mut cache = cache();
        cache.fill(Instant::now());
        assert_eq!(cache.len(), 90);
        cache.flush(0.3);
        assert_eq!(cache.len(), 63);
        consistent(&cache);
        cache.fill(Instant::now());
        assert_eq!(cache.len(), 90);
        cache.flush(1.0);
        assert!(cache.is_empty());
        consistent(&cache);
    }

    #[test]
    fn what_is_no_key_is_not_taken_in() {
        let mut cache = cache();
        cache.insert(100, Instant::now());
        assert!(cache.is_empty() && !cache.has(100, Instant::now()));
    }

    #[test]
    fn a_key_lives_for_its_time_and_then_anew() {
        let mut cache = cache();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        cache.insert(7, start);
        assert!(cache.has(7, after(59)) && !cache.has(7, after(60)));
        cache.insert(7, after(60));
        assert!(cache.has(7, after(119)));
        assert_eq!(cache.len(), 1);
    }
}
