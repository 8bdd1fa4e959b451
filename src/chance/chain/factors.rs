//! The elimination of all states of a plan, group by group (the multifrontal method), and solutions from its factors.
//!
//! With M = -Q restricted to the states eliminated and r the rates out of them (M 1 = r), the factors solve
//!
//! ```text
//! M x = b  (times and probabilities, by starting state)        x M = c  (expected stays, by state visited)
//! ```
//!
//! For b, c >= 0 nothing is ever subtracted: each entry of x has a small relative error.

use super::dense::Front;
use super::error::ChainError;
use super::generator::Generator;
use super::plan::{ABSENT, Plan};
use crate::process::batch::Kernel;
use rayon::prelude::*;

/// Rescaling keeps the numbers of a solution below this.
const LARGE: f64 = 1e150;

/// The factors of M = -Q over the states of a plan.
#[derive(Debug)]
pub struct Factors {
    plan: Plan,
    fronts: Vec<Front>,
}

/// What an elimination reads.
struct Elimination<'a> {
    plan: &'a Plan,
    forward: &'a Generator,
    backward: &'a Generator,
    kernel: Kernel,
    ground: bool,
}

impl Factors {
    /// Eliminates the states of a plan. Rates into states outside the plan are rates of leaving.
    ///
    /// With `ground` the last state of the plan may have nowhere to go when all others are gone: the plan then covers a
    /// closed class, and only [`stationary`](Self::stationary) makes sense.
    ///
    /// # Errors
    /// [`ChainError::Memory`] if more than `allowed` bytes would be needed, [`ChainError::Range`] if a pivot is not a
    /// positive number: some states cannot get out, or a rate came out of the range of floating-point numbers.
    pub fn new(
        plan: Plan,
        forward: &Generator,
        backward: &Generator,
        ground: bool,
        allowed: u64,
    ) -> Result<Self, ChainError> {
        let needed = plan.bytes();
        if needed > allowed {
            return Err(ChainError::Memory { needed, allowed });
        }
        let mut fronts = vec![Front::default(); plan.dissection.groups.len()];
        let job = Elimination { plan: &plan, forward, backward, kernel: Kernel::best(), ground };
        job.subtrees(&plan.dissection.roots, false, &mut fronts)?;
        Ok(Self { plan, fronts })
    }

    /// The states and their positions.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Number of entries of the factors: multiplications per solution.
    #[must_use]
    pub fn entries(&self) -> f64 {
        self.fronts.iter().map(|f| (f.upper.len() + f.lower.len()) as f64).sum::<f64>().max(1.0)
    }

    /// Solves M x = b. `values` holds b by state on entry and x on return; other states are left alone.
    pub fn solve(&self, values: &mut [f64]) {
        let mut x: Vec<f64> = self.gather(values);
        let mut border = Vec::new();
        for (group, (front, places)) in self.groups() {
            let (p, width) = (front.p, front.width());
            let (before, behind) = x.split_at_mut(group.last);
            let own = &mut before[group.first..];
            for k in 0..p {
                let row = &front.upper[k * width..];
                own[k] = (own[k] + dot(&row[..k], &own[..k])) / front.pivots[k];
            }
            for (row, &place) in front.lower.chunks_exact(p).zip(places) {
                behind[place as usize - group.last] += dot(row, own);
            }
        }
        for (group, (front, places)) in self.groups().rev() {
            let (p, width) = (front.p, front.width());
            border.clear();
            border.extend(places.iter().map(|&place| x[place as usize]));
            let own = &mut x[group.first..group.last];
            for k in (0..p).rev() {
                let row = &front.upper[k * width..(k + 1) * width];
                own[k] += dot(&row[k + 1..p], &own[k + 1..]) + dot(&row[p..p + front.b], &border);
            }
        }
        self.scatter(&x, values);
    }

    /// Solves x M = c. `values` holds c by state on entry and x on return; other states are left alone.
    pub fn solve_transposed(&self, values: &mut [f64]) {
        let mut x = self.gather(values);
        let mut border = Vec::new();
        for (group, (front, places)) in self.groups() {
            let (p, width) = (front.p, front.width());
            border.clear();
            border.resize(front.b, 0.0);
            let own = &mut x[group.first..group.last];
            for k in 0..p {
                let row = &front.upper[k * width..(k + 1) * width];
                let (value, later) = own[k..].split_first_mut().map_or((0.0, &mut [][..]), |(v, later)| (*v, later));
                if value != 0.0 {
                    add_scaled(later, value, &row[k + 1..p]);
                    add_scaled(&mut border, value, &row[p..p + front.b]);
                }
            }
            places.iter().zip(&border).for_each(|(&place, value)| x[place as usize] += value);
        }
        self.backward(&mut x, false);
        self.scatter(&x, values);
    }

    /// The stationary distribution over the states of the plan, by state; zero elsewhere. The plan must cover a closed
    /// class and have been eliminated with `ground`.
    #[must_use]
    pub fn stationary(&self) -> Vec<f64> {
        let mut x = vec![0.0; self.plan.len()];
        if let Some(last) = x.last_mut() {
            *last = 1.0;
        }
        self.backward(&mut x, true);
        let total: f64 = x.iter().sum();
        x.iter_mut().for_each(|value| *value /= total);
        let mut values = vec![0.0; self.plan.position.len()];
        self.scatter(&x, &mut values);
        values
    }

    /// x_k = (x_k + Σ_{i>k} x_i q_ik) / d_k from the last state to the first. With `ground` the very last is given, and
    /// all may be scaled, so that nothing overflows.
    fn backward(&self, x: &mut [f64], ground: bool) {
        let n = x.len();
        for (group, (front, places)) in self.groups().rev() {
            let (p, width) = (front.p, front.width());
            let (before, behind) = x.split_at_mut(group.last);
            let own = &mut before[group.first..];
            for (row, &place) in front.lower.chunks_exact(p).zip(places) {
                add_scaled(own, behind[place as usize - group.last], row);
            }
            for k in (0..p).rev() {
                if !(ground && group.first + k + 1 == n) {
                    own[k] /= front.pivots[k];
                }
                if ground && own[k] > LARGE {
                    // What vanishes by this is below the smallest number beside this entry.
                    let unit = own[k];
                    own.iter_mut().chain(behind.iter_mut()).for_each(|value| *value /= unit);
                }
                let (before, value) = (&front.upper[k * width..], own[k]);
                add_scaled(&mut own[..k], value, before);
            }
        }
    }

    fn groups(&self) -> impl DoubleEndedIterator<Item = (&super::dissection::Group, (&Front, &Vec<u32>))> {
        self.plan.dissection.groups.iter().zip(self.fronts.iter().zip(&self.plan.borders))
    }

    fn gather(&self, values: &[f64]) -> Vec<f64> {
        self.plan.dissection.order.iter().map(|&state| values[state as usize]).collect()
    }

    fn scatter(&self, x: &[f64], values: &mut [f64]) {
        for (&state, &value) in self.plan.dissection.order.iter().zip(x) {
            values[state as usize] = value;
        }
    }
}

impl Elimination<'_> {
    /// Eliminates subtrees side by side and returns what is left of each. `fronts` are those of the subtrees.
    fn subtrees(&self, roots: &[u32], wide: bool, fronts: &mut [Front]) -> Result<Vec<Vec<f64>>, ChainError> {
        let mut jobs = Vec::with_capacity(roots.len());
        let (mut end, mut left) = (roots.last().map_or(0, |&r| r as usize + 1), fronts);
        for &root in roots.iter().rev() {
            // A subtree are the groups from its first leaf to its root.
            let first = self.first_leaf(root);
            let (rest, own) = left.split_at_mut(left.len() - (end - first));
            jobs.push((root, own));
            (end, left) = (first, rest);
        }
        jobs.reverse();
        if wide {
            jobs.into_par_iter().map(|(root, own)| self.subtree(root, own)).collect()
        } else {
            jobs.into_iter().map(|(root, own)| self.subtree(root, own)).collect()
        }
    }

    fn first_leaf(&self, root: u32) -> usize {
        let mut group = root as usize;
        while let Some(&child) = self.plan.dissection.groups[group].children.first() {
            group = child as usize;
        }
        group
    }

    /// Eliminates a subtree and returns what is left: the square of its border with a column of rates out.
    fn subtree(&self, root: u32, fronts: &mut [Front]) -> Result<Vec<f64>, ChainError> {
        let number = root as usize;
        let group = &self.plan.dissection.groups[number];
        let border = &self.plan.borders[number];
        let Some((own, below)) = fronts.split_last_mut() else { return Ok(Vec::new()) };
        let parts = self.subtrees(&group.children, self.plan.wide[number], below)?;
        let (p, b) = (group.last - group.first, border.len());
        let mut front = Front::new(p, b);
        let mut rest = vec![0.0; b * (b + 1)];
        let place = |position: u32| match (position as usize).checked_sub(group.first) {
            Some(k) if k < p => Some(k),
            Some(_) => border.binary_search(&position).ok().map(|k| p + k),
            None => None,
        };
        let width = front.width();
        for k in 0..p {
            let state = self.plan.state(group.first + k);
            for (j, rate) in self.forward.row(state) {
                match self.plan.position[j] {
                    ABSENT => front.upper[(k + 1) * width - 1] += rate,
                    position => {
                        if let Some(column) = place(position) {
                            front.upper[k * width + column] += rate;
                        }
                    }
                }
            }
            for (i, rate) in self.backward.row(state) {
                let position = self.plan.position[i];
                if position != ABSENT
                    && position as usize >= group.last
                    && let Some(row) = place(position)
                {
                    front.lower[(row - p) * p + k] += rate;
                }
            }
        }
        for (&child, part) in group.children.iter().zip(parts) {
            let border = &self.plan.borders[child as usize];
            let count = border.len();
            let places: Vec<usize> = border.iter().filter_map(|&position| place(position)).collect();
            let kept = places.partition_point(|&k| k < p);
            for (row, &to) in part.chunks_exact(count + 1).zip(&places) {
                let (body, excess) = (&row[..count], row[count]);
                if to < p {
                    let target = &mut front.upper[to * width..(to + 1) * width];
                    body.iter().zip(&places).for_each(|(value, &column)| target[column] += value);
                    target[width - 1] += excess;
                } else {
                    let lower = &mut front.lower[(to - p) * p..(to - p + 1) * p];
                    body[..kept].iter().zip(&places).for_each(|(value, &column)| lower[column] += value);
                    let target = &mut rest[(to - p) * (b + 1)..(to - p + 1) * (b + 1)];
                    body[kept..].iter().zip(&places[kept..]).for_each(|(value, &column)| target[column - p] += value);
                    target[b] += excess;
                }
            }
        }
        let ground = self.ground && group.last == self.plan.len();
        if !front.eliminate(&mut rest, self.kernel, ground) {
            return Err(ChainError::Range);
        }
        *own = front;
        Ok(rest)
    }
}

/// A scalar product in eight interleaved parts.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut parts = [0.0; 8];
    let (mut a, mut b) = (a.chunks_exact(8), b.chunks_exact(8));
    for (x, y) in (&mut a).zip(&mut b) {
        for k in 0..8 {
            parts[k] += x[k] * y[k];
        }
    }
    for (part, (x, y)) in parts.iter_mut().zip(a.remainder().iter().zip(b.remainder())) {
        *part += x * y;
    }
    ((parts[0] + parts[4]) + (parts[1] + parts[5])) + ((parts[2] + parts[6]) + (parts[3] + parts[7]))
}

fn add_scaled(to: &mut [f64], factor: f64, from: &[f64]) {
    for (x, y) in to.iter_mut().zip(from) {
        *x += factor * y;
    }
}
