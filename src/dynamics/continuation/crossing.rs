//! Branch points: where another branch of equilibria crosses.
//!
//! The determinant of `[F_y; tᵀ]` changes sign at a simple branch point and nowhere else along a branch (Keller 1977;
//! Allgower & Georg, *Introduction to Numerical Continuation Methods*, 2003, section 8.1). The bordered matrix is
//! singular there, which rules Newton's method out; the sign is bisected along the branch, to where the corrector
//! still works.

use super::curve::{Curve, distance};
use super::palc::Node;
use super::system::System;
use super::{Bracket, CrossingPoint, Location};
use crate::process::field::Field;

/// A bracket this short, in the coordinates of continuation, counts as refined.
const ACCEPTED: f64 = 1e-7;

/// Locates the branch point between two points of a branch.
pub(super) fn locate<F: Field + ?Sized>(system: &mut System<'_, F>, a: &Node, b: &Node) -> Location<CrossingPoint> {
    let (mut left, mut right) = (a.y.clone(), b.y.clone());
    let mut tangent = Vec::new();
    for round in 0..60 {
        if distance(&left, &right) < ACCEPTED {
            break;
        }
        // Off the middle now and then: there the matrix may be singular by symmetry.
        let theta = if round % 2 == 0 { 0.5 } else { 0.47 };
        let Some(y) = system.between(&left, &right, theta) else { break };
        let Some(sign) = system.tangent(&y, &a.tangent, &mut tangent) else { break };
        if sign == a.sign {
            left = y;
        } else {
            right = y;
        }
    }
    if distance(&left, &right) < 2.0 * ACCEPTED {
        let middle: Vec<f64> = left.iter().zip(&right).map(|(a, b)| 0.5 * (a + b)).collect();
        let x = system.states(&middle);
        return Location::Refined(CrossingPoint { x, parameter: system.unit * middle[system.dim] });
    }
    Location::Unrefined(Bracket::of(system, &left, &right))
}
