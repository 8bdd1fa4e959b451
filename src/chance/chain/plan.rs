//! What an elimination will need before it starts: which rates each group of states meets, how much memory, how much work.
//!
//! When a group is eliminated, its *border* are the states behind it in the order that it or anything below it in the
//! tree has rates with. The front of the group is the square of group and border; what is left of it afterwards, the
//! square of the border, goes to the parent (Duff and Reid 1983).

use super::dissection::Dissection;
use super::generator::Generator;

/// Position of a state that is not eliminated.
pub(super) const ABSENT: u32 = u32::MAX;

/// Below this many multiplications a subtree is not worth a task of its own.
const TASK: f64 = 2e7;

/// The structure of an elimination.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The order of elimination.
    pub(super) dissection: Dissection,
    /// Position of each state in the order, or [`ABSENT`].
    pub(super) position: Vec<u32>,
    /// Border of each group: positions, ascending.
    pub(super) borders: Vec<Vec<u32>>,
    /// Whether the children of each group are worth tasks of their own.
    pub(super) wide: Vec<bool>,
    /// Bytes that stay until all solutions are computed.
    factors: u64,
    /// Bytes at the worst moment.
    peak: u64,
    /// Multiplications.
    work: f64,
}

impl Plan {
    /// The structure of eliminating all states of `dissection` from a generator, given also by columns.
    #[must_use]
    pub fn new(dissection: Dissection, forward: &Generator, backward: &Generator) -> Self {
        let mut position = vec![ABSENT; forward.len()];
        for (place, &state) in dissection.order.iter().enumerate() {
            position[state as usize] = place as u32;
        }
        let mut seen = vec![ABSENT; dissection.order.len()];
        let mut borders: Vec<Vec<u32>> = Vec::with_capacity(dissection.groups.len());
        for (number, group) in dissection.groups.iter().enumerate() {
            let mut border = Vec::new();
            let mut meet = |place: u32| {
                if place != ABSENT && place as usize >= group.last && seen[place as usize] != number as u32 {
                    seen[place as usize] = number as u32;
                    border.push(place);
                }
            };
            for &state in &dissection.order[group.first..group.last] {
                let neighbours = forward.targets(state as usize).iter().chain(backward.targets(state as usize));
                neighbours.for_each(|&j| meet(position[j as usize]));
            }
            group.children.iter().flat_map(|&c| &borders[c as usize]).for_each(|&place| meet(place));
            border.sort_unstable();
            borders.push(border);
        }
        let mut plan = Self { dissection, position, borders, wide: Vec::new(), factors: 0, peak: 0, work: 0.0 };
        plan.measure();
        plan
    }

    fn measure(&mut self) {
        let count = self.dissection.groups.len();
        let mut work = vec![0.0; count];
        let mut peak = vec![0_u64; count];
        let update = |b: usize| 8 * (b * (b + 1)) as u64;
        for (number, group) in self.dissection.groups.iter().enumerate() {
            let (p, b) = (group.last - group.first, self.borders[number].len());
            let (size, border) = ((p + b) as f64, b as f64);
            work[number] = (size.powi(3) - border.powi(3)) / 3.0;
            let children = || group.children.iter().map(|&c| c as usize);
            let heaviest = children().map(|c| work[c]).fold(0.0, f64::max);
            let all: f64 = children().map(|c| work[c]).sum();
            // Tasks side by side need room for all of them; one by one only the remainders of the earlier ones are there.
            let wide = all - heaviest > TASK;
            let mut held = 0;
            let mut worst = 0;
            for c in children() {
                worst = if wide { worst + peak[c] } else { worst.max(held + peak[c]) };
                held += update(self.borders[c].len());
            }
            let own = 8 * (p * (p + b + 1) + p * b + p) as u64;
            self.factors += own + 4 * b as u64;
            peak[number] = worst.max(held + update(b));
            work[number] += all;
            self.wide.push(wide);
        }
        let roots = || self.dissection.roots.iter().map(|&r| r as usize);
        self.work = roots().map(|r| work[r]).sum();
        let structure = 16 * self.dissection.order.len() as u64;
        self.peak = self.factors + structure + roots().map(|r| peak[r]).max().unwrap_or(0);
    }

    /// Bytes the elimination needs at its worst moment, beside the generator.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.peak
    }

    /// Multiplications the elimination takes.
    #[must_use]
    pub fn multiplications(&self) -> f64 {
        self.work
    }

    /// Number of states eliminated.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dissection.order.len()
    }

    /// Whether nothing is eliminated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The states eliminated, in order.
    pub fn states(&self) -> impl Iterator<Item = usize> {
        self.dissection.order.iter().map(|&state| state as usize)
    }

    /// The state at a position.
    pub(super) fn state(&self, position: usize) -> usize {
        self.dissection.order[position] as usize
    }
}
