//! One trigger on one pair, watched until it is clear what became of it.

use crate::arrivals::Piece;
use crate::pair::{Counts, Pair};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is done to a service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trigger {
    /// The load is this for a while, in requests per second.
    Load(f64),
    /// It has this many slots only for a while.
    Slots(usize),
    /// A share of its cache is lost, at once.
    Flush,
}

impl Trigger {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Load(_) => "load",
            Self::Slots(_) => "slots",
            Self::Flush => "flush",
        }
    }

    pub(super) fn size(&self) -> f64 {
        match self {
            Self::Load(rate) => *rate,
            Self::Slots(slots) => *slots as f64,
            Self::Flush => 1.0,
        }
    }
}

/// Time at the load before the trigger, in seconds: fifteen times the time constant of the good state.
const WARM: f64 = 1.5;
/// Time after the trigger after which it is decided whatever is seen, in seconds.
const PATIENCE: f64 = 12.0;
/// Looks, 0.1 s apart, between which answers are counted: one second, five timeouts.
const WINDOW: usize = 10;
/// Time between two looks, in seconds.
const LOOK: f64 = 0.1;
/// Looks in a row that must say the same.
const AGREE: u32 = 6;

/// A run: whether it tipped, and when that was clear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Whether the service collapsed.
    pub tipped: bool,
    /// Time after the end of the trigger when it was clear, in seconds.
    pub after: f64,
}

/// Share of the requests between two looks that were answered in time.
pub(super) fn share(before: Counts, now: Counts) -> f64 {
    (now.answered - before.answered) as f64 / (now.requests - before.requests).max(1) as f64
}

/// Runs one trigger on an idle pair, and leaves the pair idle. `amount` is the length of the trigger in seconds, or the
/// share of the cache that is lost.
///
/// It has healed when, of the requests of the last second, at least 90 % were answered in time and less than a tenth of
/// the room of the service is taken. It has collapsed when less than 5 % were answered (less than 90 % with a cache,
/// whose hits are always answered) and more than nine tenths of the room are taken. Either must hold on six looks in a
/// row, 0.1 s apart. If neither has come true 12 s after the trigger, it has collapsed if the last look says rather so.
pub fn run_once(pair: &mut Pair, load: f64, trigger: Trigger, amount: f64) -> Run {
    let slots = pair.design().service.slots;
    let room = pair.design().service.limit as f64;
    let length = if trigger == Trigger::Flush { 0.0 } else { amount };
    let low = if trigger == Trigger::Flush { 0.9 } else { 0.05 };
    let rest = PATIENCE + 1.0;
    pair.service.fill_cache();
    let start = pair.drive(match trigger {
        Trigger::Load(rate) => {
            vec![Piece::constant(load, WARM), Piece::constant(rate, length), Piece::constant(load, rest)]
        }
        _ => vec![Piece::constant(load, WARM + length + rest)],
    });
    let until = |seconds: f64| {
        let at = start + Duration::from_secs_f64(seconds);
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
    };
    let end = WARM + length;
    until(WARM);
    match trigger {
        Trigger::Load(_) => {}
        Trigger::Flush => pair.service.flush_cache(amount),
        Trigger::Slots(fewer) => {
            pair.set_slots(fewer);
            until(end);
            pair.set_slots(slots);
        }
    }
    until(end);
    let mut looks = VecDeque::from([pair.counts()]);
    let (mut after, mut healthy, mut collapsed) = (0.0, 0, 0);
    let run = loop {
        after += LOOK;
        until(end + after);
        let counts = pair.counts();
        looks.push_back(counts);
        if looks.len() <= WINDOW {
            continue;
        }
        let Some(before) = looks.pop_front() else { continue };
        let share = share(before, counts);
        let taken = pair.service.inside() as f64 / room;
        healthy = if share >= 0.9 && taken < 0.1 { healthy + 1 } else { 0 };
        collapsed = if share < low && taken > 0.9 { collapsed + 1 } else { 0 };
        if healthy >= AGREE || collapsed >= AGREE {
            break Run { tipped: collapsed > 0, after };
        }
        if after >= PATIENCE {
            break Run { tipped: taken > 0.5, after };
        }
    };
    pair.stop();
    run
}
