//! What caches do: answer, let misses pass, take answers in, fetch stale entries anew.

use super::super::cache::Found;
use super::super::calendar::Kind;
use super::super::slab::{Answer, NONE, Phase};
use super::Engine;

impl Engine<'_> {
    /// An attempt asks the cache in front of its service; whether that was all.
    #[inline]
    pub(super) fn ask_cache(&mut self, slot: u32) -> bool {
        let Some(place) = self.system.through[usize::from(self.slab[slot].stream)] else { return false };
        let numbers = &self.settings.caches[place];
        let cache = &mut self.caches[place];
        if self.slab[slot].key == 0 {
            self.slab[slot].key = cache.draw();
        }
        let key = self.slab[slot].key;
        match cache.ask(key, self.now, numbers) {
            Found::Nothing => {
                if cache.may_fetch(self.now, numbers) {
                    return false;
                }
                self.respond(slot, Answer::Reject);
            }
            found => {
                // What comes from the cache does not fill it.
                self.slab[slot].key = 0;
                if numbers.hit_time > 0.0 {
                    self.slab[slot].answer = Answer::Well;
                    self.slab[slot].phase = Phase::Inbound;
                    self.schedule(numbers.hit_time, Kind::Answer, slot);
                } else {
                    self.respond(slot, Answer::Well);
                }
                if found == Found::Stale(true) {
                    let fetch = self.slab.take(self.system.fetcher(place) as u16, 0, 1, self.now, NONE);
                    self.slab[fetch].key = key;
                    self.arrive(fetch);
                }
            }
        }
        true
    }

    /// A good answer has come to who asked for it.
    #[inline]
    pub(super) fn fill_cache(&mut self, stream: u16, key: u64) {
        if key != 0
            && let Some(place) = self.system.through[usize::from(stream)]
        {
            self.caches[place].fill(key, self.now, &self.settings.caches[place]);
        }
    }

    /// A good answer has come too late for who asked for it.
    pub(super) fn fill_late(&mut self, stream: u16, key: u64) {
        if self.system.through[usize::from(stream)].is_some_and(|place| self.system.late_fills[place]) {
            self.fill_cache(stream, key);
        }
    }

    /// The answer to a fetch of a stale entry; whether it was one.
    #[inline]
    pub(super) fn fetched(&mut self, slot: u32) -> bool {
        let attempt = self.slab[slot];
        let Some(place) = usize::from(attempt.stream).checked_sub(self.system.fetcher(0)) else { return false };
        match attempt.answer {
            Answer::Well => self.caches[place].fill(attempt.key, self.now, &self.settings.caches[place]),
            _ => self.caches[place].give_up(attempt.key),
        }
        self.slab.release(slot);
        true
    }
}
