//! Equilibria of a field: all of them with proof where that is possible, otherwise those a search finds, and always
//! which of the two it is.
//!
//! First interval branch and prune ([`prune`]); if the field has no interval extension, or boxes remain undecided,
//! deflated Newton from many starts ([`deflation`]) looks for what is missing.

pub mod deflation;
pub mod prune;

use super::newton::{Root, newton};
use crate::process::field::Field;
use crate::process::interval::Interval;
use prune::{Budget, Verified};

/// One equilibrium.
#[derive(Debug, Clone, PartialEq)]
pub struct Equilibrium {
    /// The states.
    pub x: Vec<f64>,
    /// Largest `|f_i|` there.
    pub residual: f64,
    /// Weighted size of the last Newton correction: an estimate of the relative error.
    pub correction: f64,
    /// Proved enclosure, if there is one.
    pub enclosure: Option<Vec<Interval>>,
}

/// What is known about equilibria that are not listed.
#[derive(Debug, Clone, PartialEq)]
pub enum Completeness {
    /// All equilibria (certified): there is no other in the whole domain.
    Certified,
    /// All equilibria (certified) in this box; beyond it nothing is known.
    CertifiedWithin(Vec<Interval>),
    /// Others are excluded outside these boxes only.
    Undecided(Vec<Vec<Interval>>),
    /// Found by search; there may be others.
    FoundBySearch,
}

/// The equilibria of a field at given parameters, sorted by their first state, then the second, and so on.
#[derive(Debug, Clone, PartialEq)]
pub struct Equilibria {
    /// The equilibria.
    pub points: Vec<Equilibrium>,
    /// What is known about others.
    pub completeness: Completeness,
}

/// How hard to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Budget of the proof.
    pub budget: Budget,
    /// No proof is tried above this number of states, where boxes multiply too fast.
    pub largest_dim: usize,
    /// Starting points of the search.
    pub starts: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self { budget: Budget::default(), largest_dim: 6, starts: 64 }
    }
}

/// Finds the equilibria of `field` at parameters `p`. `seeds` are guesses for the search, if it comes to one.
#[must_use]
pub fn equilibria<F: Field + ?Sized>(field: &F, p: &[f64], seeds: &[Vec<f64>], effort: &Effort) -> Equilibria {
    let proof = if field.dim() <= effort.largest_dim { prune::prune(field, p, effort.budget) } else { None };
    let mut points: Vec<Equilibrium> = proof.iter().flat_map(|p| &p.verified).map(|v| polished(field, p, v)).collect();
    let completeness = match proof {
        Some(proof) if proof.undecided.is_empty() && proof.beyond_excluded => Completeness::Certified,
        Some(proof) if proof.undecided.is_empty() => Completeness::CertifiedWithin(proof.searched),
        Some(proof) => {
            let mut guesses: Vec<Vec<f64>> = points.iter().map(|e| e.x.clone()).collect();
            guesses.extend(seeds.iter().cloned());
            let middles = proof.undecided.iter().take(effort.starts).map(|b| b.iter().map(|v| v.mid()).collect());
            guesses.extend(middles);
            add(&mut points, deflation::search(field, p, &guesses, effort.starts), &proof.verified);
            Completeness::Undecided(proof.undecided)
        }
        None => {
            add(&mut points, deflation::search(field, p, seeds, effort.starts), &[]);
            Completeness::FoundBySearch
        }
    };
    points.sort_by(|a, b| {
        a.x.iter().zip(&b.x).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    Equilibria { points, completeness }
}

/// A verified equilibrium, right to rounding.
fn polished<F: Field + ?Sized>(field: &F, p: &[f64], verified: &Verified) -> Equilibrium {
    let middle: Vec<f64> =
        verified.enclosure.iter().zip(field.states()).map(|(v, s)| v.mid().max(s.lower).min(s.upper)).collect();
    let enclosure = Some(verified.enclosure.clone());
    match newton(field, p, &middle) {
        Ok(root) if holds(&verified.region, &root.x) => {
            Equilibrium { x: root.x, residual: root.residual, correction: root.correction, enclosure }
        }
        // The enclosure is proved all the same; half its width bounds the error of its middle.
        _ => {
            let widths =
                verified.enclosure.iter().zip(field.states()).map(|(v, s)| v.width() / (v.mid().abs() + s.scale));
            Equilibrium { residual: f64::NAN, correction: widths.fold(0.0, f64::max), x: middle, enclosure }
        }
    }
}

fn holds(region: &[Interval], x: &[f64]) -> bool {
    region.iter().zip(x).all(|(v, x)| v.contains(*x))
}

/// Adds the roots of a search that are not the verified ones.
fn add(points: &mut Vec<Equilibrium>, roots: Vec<Root>, verified: &[Verified]) {
    for root in roots {
        if !verified.iter().any(|v| holds(&v.region, &root.x)) {
            points.push(Equilibrium {
                x: root.x,
                residual: root.residual,
                correction: root.correction,
                enclosure: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Completeness, Effort, equilibria};
    use crate::dynamics::equilibria::prune::Budget;
    use crate::dynamics::testing::m1;

    #[test]
    fn equilibria_of_m1_match_the_published_table() {
        for (load, published) in [
            (249.95, &[0.333_259_629, 1_913.818_825, 4_999.0][..]),
            (400.0, &[0.666_704_753, 1_138.336_868]),
            (800.0, &[4.000_708_888, 898.231_792]),
        ] {
            let found = equilibria(&m1(), &[load, 0.75], &[], &Effort::default());
            assert!(matches!(found.completeness, Completeness::Certified | Completeness::CertifiedWithin(_)));
            assert_eq!(found.points.len(), published.len());
            for (e, n) in found.points.iter().zip(published) {
                assert!((e.x[0] - n).abs() < 1e-6 && (e.x[0] / n - 1.0).abs() < 2e-9, "{} {n}", e.x[0]);
                assert!(e.correction < 1e-11);
            }
        }
    }

    #[test]
    fn without_the_budget_for_a_proof_the_label_says_so() {
        let effort = Effort { budget: Budget { boxes: 4, ..Budget::default() }, ..Effort::default() };
        let found = equilibria(&m1(), &[249.95, 0.75], &[], &effort);
        assert!(matches!(found.completeness, Completeness::Undecided(_)));
        assert_eq!(found.points.len(), 3);
        let found = equilibria(&m1(), &[249.95, 0.75], &[], &Effort { largest_dim: 0, ..effort });
        assert_eq!((found.completeness, found.points.len()), (Completeness::FoundBySearch, 3));
    }
}
