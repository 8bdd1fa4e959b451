//! The calendar of events to come: a heap in which each node has four children (d-heap, Johnson 1975), of entries of 16
//! bytes, four of which share a line of the cache.

/// What happens to an attempt, or to a user.
/// Generation of a [`Kind::Pickup`] that is one slot looking into the queue.
pub(super) const POLL: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The attempt reaches the service.
    Arrive,
    /// The work on it in its slot is done.
    Done,
    /// Its answer reaches the caller.
    Answer,
    /// Its back-off is over: it is sent.
    Retry,
    /// Its caller stops waiting.
    Timeout,
    /// A nested call of it has ended.
    Resume,
    /// A user of a closed loop has thought enough.
    Think,
    /// A free slot looks into the queue.
    Pickup,
    /// An autoscaler decides.
    Scale,
    /// A node has started.
    Ready,
    /// It has taken long: another is sent beside it.
    Hedge,
    /// A replica is probed.
    Check,
}

const KINDS: [Kind; 12] = [
    Kind::Arrive,
    Kind::Done,
    Kind::Answer,
    Kind::Retry,
    Kind::Timeout,
    Kind::Resume,
    Kind::Think,
    Kind::Pickup,
    Kind::Scale,
    Kind::Ready,
    Kind::Hedge,
    Kind::Check,
];

/// Bits of the generation that an entry keeps; those above say the kind.
const SHIFT: u32 = 28;
/// Mask of these bits.
const GENERATION: u32 = (1 << SHIFT) - 1;

/// An event to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) time: f64,
    /// Place of the attempt in the slab, or number of the client or the service.
    pub(super) slot: u32,
    tag: u32,
}

impl Entry {
    pub(super) fn new(time: f64, kind: Kind, slot: u32, generation: u32) -> Self {
        Self { time, slot, tag: (kind as u32) << SHIFT | (generation & GENERATION) }
    }

    /// The generation, or the number that stands in its place.
    pub(super) fn number(self) -> usize {
        (self.tag & GENERATION) as usize
    }

    pub(super) fn kind(self) -> Kind {
        KINDS[(self.tag >> SHIFT) as usize]
    }

    /// Whether this was said of an attempt of this generation.
    pub(super) fn is_of(self, generation: u32) -> bool {
        self.tag & GENERATION == generation & GENERATION
    }
}

/// Events by time.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    heap: Vec<Entry>,
}

impl Calendar {
    /// Time of the first event, infinity if there is none.
    #[inline]
    pub(super) fn next(&self) -> f64 {
        self.heap.first().map_or(f64::INFINITY, |e| e.time)
    }

    #[inline]
    pub(super) fn push(&mut self, entry: Entry) {
        let mut at = self.heap.len();
        self.heap.push(entry);
        while at > 0 {
            let above = (at - 1) / 4;
            if self.heap[above].time <= entry.time {
                break;
            }
            self.heap[at] = self.heap[above];
            at = above;
        }
        self.heap[at] = entry;
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let last = self.heap.pop()?;
        let Some(&first) = self.heap.first() else { return Some(last) };
        self.sink(0, last);
        Some(first)
    }

    /// Puts an entry at a place from where it may have to go down.
    #[inline]
    fn sink(&mut self, mut at: usize, entry: Entry) {
        let heap = self.heap.as_mut_slice();
        loop {
            let begin = 4 * at + 1;
            let end = (begin + 4).min(heap.len());
            if begin >= end {
                break;
            }
            let mut least = begin;
            for child in begin + 1..end {
                if heap[child].time < heap[least].time {
                    least = child;
                }
            }
            if heap[least].time >= entry.time {
                break;
            }
            heap[at] = heap[least];
            at = least;
        }
        heap[at] = entry;
    }

    /// Moves events to other times.
    pub(super) fn reschedule(&mut self, mut time: impl FnMut(&Entry) -> f64) {
        for entry in &mut self.heap {
            entry.time = time(entry);
        }
        for at in (0..self.heap.len()).rev() {
            let entry = self.heap[at];
            self.sink(at, entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_of_time() {
        let mut calendar = Calendar::default();
        // A full period of a linear congruential generator visits every residue once.
        let mut x = 1_u32;
        for _ in 0..4096 {
            x = (x * 1229 + 1) % 4096;
            calendar.push(Entry::new(f64::from(x), Kind::Done, x, 7));
        }
        calendar.reschedule(|e| if e.slot % 2 == 0 { e.time } else { 4096.0 - e.time });
        let order: Vec<f64> = std::iter::from_fn(|| calendar.pop()).map(|e| e.time).collect();
        assert_eq!(order.len(), 4096);
        assert!(order.windows(2).all(|w| w[0] <= w[1]));
        assert_eq!(calendar.next(), f64::INFINITY);
    }

    #[test]
    fn an_entry_keeps_what_it_was_told() {
        let entry = Entry::new(1.5, Kind::Think, 9, u32::MAX);
        assert!(entry.kind() == Kind::Think && entry.is_of(u32::MAX) && !entry.is_of(3));
    }
}
