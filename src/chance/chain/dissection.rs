//! Nested dissection (George 1973): in which order to eliminate the states of a lattice.
//!
//! A slab across the longest axis, as wide as the longest jump along it, separates the states on one side from those on
//! the other: nothing jumps over it. Both sides are eliminated before the slab, each by the same rule; what is left of a
//! side when it is gone are rates among the states around it. For N states in the plane the work grows as N^(3/2) and
//! the memory as N log N, whatever the direction of the jumps.

use super::lattice::Lattice;

/// A set of states eliminated together, after all of its children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its first position in the order of elimination.
    pub first: usize,
    /// One past its last.
    pub last: usize,
    /// The groups below it, each before it in the list.
    pub children: Vec<u32>,
}

/// An order of elimination, in groups that form trees; every group lies behind its children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dissection {
    /// The states in the order of elimination.
    pub order: Vec<u32>,
    /// The groups, bottom up.
    pub groups: Vec<Group>,
    /// The groups that are nobody's children.
    pub roots: Vec<u32>,
}

/// Groups of at most so many states are not split further.
const SMALL: usize = 12;

impl Dissection {
    /// Everything at once, in the order given.
    #[must_use]
    pub fn whole(order: Vec<u32>) -> Self {
        let groups = vec![Group { first: 0, last: order.len(), children: Vec::new() }];
        Self { order, groups, roots: vec![0] }
    }

    /// Dissects the states of a lattice for which `keep` holds; `reach` is the longest jump along each axis, in steps.
    #[must_use]
    pub fn of(lattice: &Lattice, reach: &[usize], keep: &[bool]) -> Self {
        let mut states: Vec<u32> = (0..lattice.len() as u32).filter(|&i| keep[i as usize]).collect();
        let mut dissection = Self { order: Vec::with_capacity(states.len()), groups: Vec::new(), roots: Vec::new() };
        dissection.roots = dissection.split(lattice, reach, &mut states);
        dissection
    }

    /// Appends the groups of these states and returns the topmost ones.
    fn split(&mut self, lattice: &Lattice, reach: &[usize], states: &mut [u32]) -> Vec<u32> {
        let cut = if states.len() > SMALL { best_cut(lattice, reach, states) } else { None };
        let Some(cut) = cut else { return self.group(states, Vec::new()) };
        let place = |state: u32| lattice.coordinate(state as usize, cut.axis);
        let below = partition(states, |s| place(s) < cut.from);
        let (left, rest) = states.split_at_mut(below);
        let beyond = partition(rest, |s| place(s) >= cut.to);
        let (right, slab) = rest.split_at_mut(beyond);
        let mut children = self.split(lattice, reach, left);
        children.extend(self.split(lattice, reach, right));
        self.group(slab, children)
    }

    /// Appends a group; an empty one hands its children on.
    fn group(&mut self, states: &[u32], children: Vec<u32>) -> Vec<u32> {
        if states.is_empty() {
            return children;
        }
        let first = self.order.len();
        self.order.extend_from_slice(states);
        self.groups.push(Group { first, last: self.order.len(), children });
        vec![self.groups.len() as u32 - 1]
    }

    /// The same order without the states for which `keep` does not hold.
    #[must_use]
    pub fn restricted(&self, keep: impl Fn(usize) -> bool) -> Self {
        let mut result = Self { order: Vec::new(), groups: Vec::new(), roots: Vec::new() };
        let mut tops: Vec<Vec<u32>> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let children = group.children.iter().flat_map(|&c| std::mem::take(&mut tops[c as usize])).collect();
            let states: Vec<u32> =
                self.order[group.first..group.last].iter().copied().filter(|&s| keep(s as usize)).collect();
            let top = result.group(&states, children);
            tops.push(top);
        }
        result.roots = self.roots.iter().flat_map(|&r| std::mem::take(&mut tops[r as usize])).collect();
        result
    }
}

/// Where to cut: the slab of places `from..to` along an axis.
struct Cut {
    axis: usize,
    from: usize,
    to: usize,
}

/// The cut with the fewest states in the slab among those that leave no side with more than two thirds.
fn best_cut(lattice: &Lattice, reach: &[usize], states: &[u32]) -> Option<Cut> {
    let mut best: Option<(usize, usize, Cut)> = None;
    for (axis, &reach) in reach.iter().enumerate() {
        let places = states.iter().map(|&s| lattice.coordinate(s as usize, axis));
        let (low, high) = places.clone().fold((usize::MAX, 0), |(low, high), p| (low.min(p), high.max(p)));
        let width = reach.max(1);
        if high < low + width + 1 {
            continue;
        }
        let mut count = vec![0_usize; high - low + 1];
        places.for_each(|p| count[p - low] += 1);
        let mut below = count[0];
        let mut inside: usize = count[1..=width].iter().sum();
        for from in 1..count.len() - width {
            let larger = below.max(states.len() - below - inside);
            let fair = 3 * larger <= 2 * states.len();
            if fair && best.as_ref().is_none_or(|(slab, side, _)| (inside, larger) < (*slab, *side)) {
                best = Some((inside, larger, Cut { axis, from: low + from, to: low + from + width }));
            }
            below += count[from];
            inside = inside + count.get(from + width).copied().unwrap_or(0) - count[from];
        }
    }
    // A slab with most of the states in it separates nothing worth separating.
    best.filter(|(slab, _, _)| 2 * slab < states.len()).map(|b| b.2)
}

/// Moves the states with a property to the front, keeping the order on both sides, and counts them.
fn partition(states: &mut [u32], property: impl Fn(u32) -> bool) -> usize {
    let (front, back): (Vec<u32>, Vec<u32>) = states.iter().partition(|&&s| property(s));
    states[..front.len()].copy_from_slice(&front);
    states[front.len()..].copy_from_slice(&back);
    front.len()
}

#[cfg(test)]
mod tests {
    use super::super::lattice::Axis;
    use super::*;

    fn lattice(sizes: &[usize]) -> Lattice {
        let axis = |&size: &usize| Axis { name: String::new(), low: 0.0, step: 1.0, size };
        Lattice::new(sizes.iter().map(axis).collect()).expect("small")
    }

    #[test]
    fn every_state_comes_once_and_no_jump_crosses_a_separator() {
        for (sizes, reach) in [(vec![30, 20], vec![1, 2]), (vec![7, 9, 8], vec![1, 1, 1]), (vec![200], vec![3])] {
            let lattice = lattice(&sizes);
            let keep: Vec<bool> = (0..lattice.len()).map(|i| i % 7 != 3).collect();
            let dissection = Dissection::of(&lattice, &reach, &keep);
            let mut sorted = dissection.order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..lattice.len() as u32).filter(|&i| keep[i as usize]).collect::<Vec<_>>());
            assert!(dissection.groups.len() > 10);
            // Subtrees side by side are out of each other's reach.
            let mut inside: Vec<Vec<u32>> = Vec::new();
            for group in &dissection.groups {
                let parts: Vec<Vec<u32>> = group.children.iter().map(|&c| inside[c as usize].clone()).collect();
                for (k, a) in parts.iter().enumerate() {
                    for b in &parts[k + 1..] {
                        let near = |i: u32, j: u32| {
                            (0..sizes.len()).all(|d| {
                                lattice.coordinate(i as usize, d).abs_diff(lattice.coordinate(j as usize, d))
                                    <= reach[d]
                            })
                        };
                        assert!(!a.iter().any(|&i| b.iter().any(|&j| near(i, j))));
                    }
                }
                let own = dissection.order[group.first..group.last].iter().copied();
                inside.push(parts.concat().into_iter().chain(own).collect());
            }
        }
    }

    #[test]
    fn a_restriction_drops_states_and_empty_groups() {
        let lattice = lattice(&[20, 20]);
        let all = Dissection::of(&lattice, &[1, 1], &[true; 400]);
        let some = all.restricted(|s| s % 3 == 0);
        assert_eq!(some.order.len(), 134);
        assert!(some.groups.iter().all(|g| g.last > g.first));
        assert_eq!(all.restricted(|_| true), all);
    }
}
