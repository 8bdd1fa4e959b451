//! All equilibria in a box, with proof: interval branch and prune.
//!
//! For a box `X`, enclosures `F(X) ∋ f(x)` and `J(X) ∋ f'(x)` for all `x` in `X` ([`Field::enclose`]) give four tests:
//!
//! ```text
//! exclusion        0 ∉ F_i(X) for some i                                          no equilibrium in X
//! contraction      x_j ∈ c_j - F_i(X with x_j = c_j) / J_ij(X)                    for c_j at both ends of X_j
//! Krawczyk         K(X) = m - Y f(m) + (I - Y J(X)) (X - m),  Y ≈ J(m)⁻¹          equilibria in X lie in K(X)
//! verification     K(X) ⊂ interior of X                                           exactly one equilibrium in X
//! ```
//!
//! What none of them decides is bisected, at the middle in the coordinate `asinh(x/scale)`, so that a state that
//! ranges over ten decades costs ten times one. Equilibria on the face of a box are caught by verifying an inflated
//! box. R. Krawczyk, Computing 4 (1969) 187-201; A. Neumaier, *Interval Methods for Systems of Equations* (1990),
//! chapter 5.

mod krawczyk;

use krawczyk::Krawczyk;

use crate::dynamics::linear::Lu;
use crate::process::field::{Enclosure, Field, StateInfo};
use crate::process::interval::Interval;

/// How much work may be spent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Largest number of boxes examined.
    pub boxes: usize,
    /// States without a bound are searched up to this many times their scale.
    pub ceiling: f64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { boxes: 4000, ceiling: 1e9 }
    }
}

/// One equilibrium whose existence and uniqueness in `region` are proved.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Narrow enclosure of the equilibrium.
    pub enclosure: Vec<Interval>,
    /// The box in which it is the only one.
    pub region: Vec<Interval>,
}

/// Result of [`prune`].
#[derive(Debug, Clone, PartialEq)]
pub struct Pruned {
    /// The proved equilibria.
    pub verified: Vec<Verified>,
    /// Boxes about which nothing could be proved. If there are none, `verified` are all equilibria in the box searched.
    pub undecided: Vec<Vec<Interval>>,
    /// Number of boxes examined.
    pub boxes: usize,
    /// The box searched.
    pub searched: Vec<Interval>,
    /// Whether equilibria outside `searched` (but inside the domain) are excluded too.
    pub beyond_excluded: bool,
}

enum Outcome {
    Empty,
    Verified(Verified),
    Split(Vec<Interval>, Option<(usize, f64)>),
}

/// Boxes spent on proving that nothing lies beyond the ceiling.
const BEYOND_BOXES: usize = 200;

/// Searches the domain of `field` at parameters `p`. `None` if the field has no interval extension.
pub fn prune<F: Field + ?Sized>(field: &F, p: &[f64], budget: Budget) -> Option<Pruned> {
    let searched: Vec<Interval> = field
        .states()
        .iter()
        .map(|s| {
            let far = budget.ceiling * s.scale;
            Interval { lo: s.lower.max(-far), hi: s.upper.min(far) }
        })
        .collect();
    let mut search = Search { field, p, dim: field.dim(), verified: Vec::new(), lu: Lu::new(field.dim()) };
    let (undecided, boxes) = search.run(vec![searched.clone()], budget.boxes)?;
    let mut beyond = Vec::new();
    for (j, info) in field.states().iter().enumerate() {
        let whole = |k: usize| Interval { lo: field.states()[k].lower, hi: field.states()[k].upper };
        let mut outside = |part: Interval| {
            beyond.push((0..field.dim()).map(|k| if k == j { part } else { whole(k) }).collect());
        };
        if info.upper > searched[j].hi {
            outside(Interval { lo: searched[j].hi, hi: info.upper });
        }
        if info.lower < searched[j].lo {
            outside(Interval { lo: info.lower, hi: searched[j].lo });
        }
    }
    let inside = search.verified.len();
    let beyond_excluded = beyond.is_empty() || search.run(beyond, BEYOND_BOXES)?.0.is_empty();
    let beyond_excluded = beyond_excluded && search.verified.len() == inside;
    search.verified.truncate(inside);
    Some(Pruned { verified: search.verified, undecided, boxes, searched, beyond_excluded })
}

struct Search<'a, F: Field + ?Sized> {
    field: &'a F,
    p: &'a [f64],
    dim: usize,
    verified: Vec<Verified>,
    lu: Lu,
}

impl<F: Field + ?Sized> Search<'_, F> {
    /// Works through a stack of boxes; returns those left undecided and the number examined.
    fn run(&mut self, mut stack: Vec<Vec<Interval>>, limit: usize) -> Option<(Vec<Vec<Interval>>, usize)> {
        let (mut undecided, mut boxes) = (Vec::new(), 0);
        while let Some(x) = stack.pop() {
            if boxes >= limit {
                undecided.push(x);
                continue;
            }
            boxes += 1;
            if self.verified.iter().any(|v| inside(&x, &v.region)) {
                continue;
            }
            match self.examine(x)? {
                Outcome::Empty => {}
                Outcome::Verified(found) => self.keep(found),
                Outcome::Split(x, gap) => match self.split(&x, gap) {
                    Some((left, right)) => {
                        stack.push(right);
                        stack.push(left);
                    }
                    None => undecided.push(x),
                },
            }
        }
        Some((undecided, boxes))
    }

    /// Records an equilibrium unless it is known or lies outside the domain.
    fn keep(&mut self, found: Verified) {
        let known = self.verified.iter().any(|v| inside(&found.enclosure, &v.region));
        let foreign = found.enclosure.iter().zip(self.field.states()).any(|(e, s)| e.hi < s.lower || e.lo > s.upper);
        if !known && !foreign {
            self.verified.push(found);
        }
    }

    fn examine(&mut self, mut x: Vec<Interval>) -> Option<Outcome> {
        let mut gap = None;
        for _ in 0..8 {
            let whole = self.field.enclose(&x, self.p)?;
            if whole.value.iter().any(|v| !v.contains(0.0)) {
                return Some(Outcome::Empty);
            }
            let before = x.clone();
            gap = None;
            if !self.contract(&mut x, &whole, &mut gap)? {
                return Some(Outcome::Empty);
            }
            if x.iter().all(|v| v.lo.is_finite() && v.hi.is_finite()) {
                match self.krawczyk(&x)? {
                    Krawczyk::Nothing => {}
                    Krawczyk::Image(image, contractive) => {
                        if strictly(&image, &x) {
                            return Some(Outcome::Verified(self.tighten(image, x)?));
                        }
                        if contractive && let Some(found) = self.inflate(&x, &image)? {
                            if inside(&x, &found.region) {
                                return Some(Outcome::Verified(found));
                            }
                            self.keep(found);
                        }
                        for (v, k) in x.iter_mut().zip(&image) {
                            match v.intersect(*k) {
                                Some(common) => *v = common,
                                None => return Some(Outcome::Empty),
                            }
                        }
                    }
                }
            }
            let shrunk = (0..self.dim).any(|j| self.extent(j, x[j]) < 0.7 * self.extent(j, before[j]));
            if !shrunk {
                break;
            }
        }
        Some(Outcome::Split(x, gap))
    }

    /// Componentwise contraction; `false` if the box turns out empty. The widest gap that opens inside is noted.
    fn contract(&self, x: &mut [Interval], whole: &Enclosure, gap: &mut Option<(usize, f64)>) -> Option<bool> {
        let mut widest = 0.0;
        for j in 0..self.dim {
            for end in 0..2 {
                let c = if end == 0 { x[j].lo } else { x[j].hi };
                if !c.is_finite() || x[j].lo == x[j].hi {
                    continue;
                }
                let kept = std::mem::replace(&mut x[j], Interval::point(c));
                let face = self.field.enclose(x, self.p)?;
                x[j] = kept;
                for i in 0..self.dim {
                    if face.value[i].contains(0.0) {
                        continue;
                    }
                    let (first, second) = quotient(face.value[i], whole.jacobian[i * self.dim + j]);
                    let piece = |q: Option<Interval>| q.and_then(|q| (Interval::point(c) - q).intersect(x[j]));
                    x[j] = match (piece(first), piece(second)) {
                        (None, None) => return Some(false),
                        (Some(a), None) | (None, Some(a)) => a,
                        (Some(a), Some(b)) => {
                            let (low, high) = if a.lo < b.lo { (a, b) } else { (b, a) };
                            let room = self.extent(j, Interval::new(low.hi, high.lo));
                            if high.lo > low.hi && room > widest {
                                widest = room;
                                *gap = Some((j, 0.5 * low.hi + 0.5 * high.lo));
                            }
                            a.hull(b)
                        }
                    };
                }
            }
        }
        Some(true)
    }

    fn info(&self, j: usize) -> &StateInfo {
        &self.field.states()[j]
    }

    /// Width of one side in the coordinate `asinh(x/scale)`.
    fn extent(&self, j: usize, v: Interval) -> f64 {
        let s = self.info(j).scale;
        (v.hi / s).asinh() - (v.lo / s).asinh()
    }

    /// Two halves of a box, or `None` if it is as small as makes sense.
    fn split(&self, x: &[Interval], gap: Option<(usize, f64)>) -> Option<(Vec<Interval>, Vec<Interval>)> {
        let (j, at) = match gap {
            Some(gap) => gap,
            None => {
                let j = (0..self.dim).max_by(|&a, &b| self.extent(a, x[a]).total_cmp(&self.extent(b, x[b])))?;
                (j, self.middle(j, x[j]))
            }
        };
        let tiny = 1e-11 * (at.abs() + self.info(j).scale);
        if !at.is_finite() || x[j].width() <= tiny || !(x[j].lo < at && at < x[j].hi) {
            return None;
        }
        let (mut left, mut right) = (x.to_vec(), x.to_vec());
        left[j].hi = at;
        right[j].lo = at;
        Some((left, right))
    }

    fn middle(&self, j: usize, v: Interval) -> f64 {
        let s = self.info(j).scale;
        match (v.lo.is_finite(), v.hi.is_finite()) {
            (true, true) => s * (0.5 * (v.lo / s).asinh() + 0.5 * (v.hi / s).asinh()).sinh(),
            (true, false) => 1e3 * v.lo.abs().max(s),
            (false, true) => -1e3 * v.hi.abs().max(s),
            (false, false) => 0.0,
        }
    }
}

fn inside(a: &[Interval], b: &[Interval]) -> bool {
    a.iter().zip(b).all(|(a, b)| b.lo <= a.lo && a.hi <= b.hi)
}

fn strictly(a: &[Interval], b: &[Interval]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.strictly_inside(*b))
}

/// All `q` with `q d = g` for some members of the intervals `d` and `g`, where `g` does not contain zero: at most two
/// pieces.
fn quotient(g: Interval, d: Interval) -> (Option<Interval>, Option<Interval>) {
    if !d.contains(0.0) {
        return (Some(g / d), None);
    }
    let (near, sign) = if g.lo > 0.0 { (g.lo, 1.0) } else { (-g.hi, -1.0) };
    let up = (d.hi > 0.0).then(|| Interval { lo: (near / d.hi).next_down(), hi: f64::INFINITY });
    let down = (d.lo < 0.0).then(|| Interval { lo: f64::NEG_INFINITY, hi: (near / d.lo).next_up() });
    if sign > 0.0 { (up, down) } else { (up.map(|v| -v), down.map(|v| -v)) }
}

#[cfg(test)]
mod tests;
