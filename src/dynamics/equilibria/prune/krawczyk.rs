//! The Krawczyk operator and what is done with it: verification, narrow enclosures, and boxes whose face holds a root.

use super::{Search, Verified, strictly};
use crate::process::field::Field;
use crate::process::interval::Interval;

/// `K(X)`, if the middle of the Jacobian is regular.
pub(super) enum Krawczyk {
    /// The middle of the Jacobian is singular, or the result not finite.
    Nothing,
    /// The image, and whether `I - Y J(X)` is a contraction.
    Image(Vec<Interval>, bool),
}

impl<F: Field + ?Sized> Search<'_, F> {
    /// The Krawczyk operator on a finite box, and whether `I - Y J` is a contraction there.
    pub(super) fn krawczyk(&mut self, x: &[Interval]) -> Option<Krawczyk> {
        let n = self.dim;
        let jacobian = self.field.enclose(x, self.p)?.jacobian;
        let mid: Vec<f64> = x.iter().map(|v| v.mid()).collect();
        for (a, j) in self.lu.matrix_mut().iter_mut().zip(&jacobian) {
            *a = j.mid();
        }
        if !self.lu.factor() {
            return Some(Krawczyk::Nothing);
        }
        let point: Vec<Interval> = mid.iter().map(|&m| Interval::point(m)).collect();
        let f = self.field.enclose(&point, self.p)?.value;
        let mut inverse = vec![0.0; n * n];
        let mut column = vec![0.0; n];
        for j in 0..n {
            column.fill(0.0);
            column[j] = 1.0;
            self.lu.solve(&mut column);
            for i in 0..n {
                inverse[i * n + j] = column[i];
            }
        }
        let mut contractive = true;
        let mut image = Vec::with_capacity(n);
        for i in 0..n {
            let mut sum = Interval::point(mid[i]);
            for (y, f) in inverse[i * n..(i + 1) * n].iter().zip(&f) {
                sum = sum - Interval::point(*y) * *f;
            }
            let mut stretch = 0.0;
            for k in 0..n {
                let mut entry = Interval::point(if i == k { 1.0 } else { 0.0 });
                for l in 0..n {
                    entry = entry - Interval::point(inverse[i * n + l]) * jacobian[l * n + k];
                }
                stretch += entry.magnitude() * x[k].width();
                sum = sum + entry * (x[k] - point[k]);
            }
            contractive &= stretch < 0.9 * x[i].width();
            if sum.lo.is_nan() || sum.hi.is_nan() {
                return Some(Krawczyk::Nothing);
            }
            image.push(sum);
        }
        Some(Krawczyk::Image(image, contractive))
    }

    /// Shrinks the enclosure of a verified equilibrium as far as rounding allows.
    pub(super) fn tighten(&mut self, image: Vec<Interval>, region: Vec<Interval>) -> Option<Verified> {
        let mut enclosure = image;
        for _ in 0..20 {
            let Krawczyk::Image(next, _) = self.krawczyk(&enclosure)? else { break };
            let mut better = false;
            for (e, k) in enclosure.iter_mut().zip(&next) {
                if let Some(common) = e.intersect(*k) {
                    better |= common.width() < 0.9 * e.width();
                    *e = common;
                }
            }
            if !better {
                break;
            }
        }
        Some(Verified { enclosure, region })
    }

    /// Tries to verify a box a little larger than the hull of `x` and its Krawczyk image.
    pub(super) fn inflate(&mut self, x: &[Interval], image: &[Interval]) -> Option<Option<Verified>> {
        let larger: Vec<Interval> = x
            .iter()
            .zip(image)
            .enumerate()
            .map(|(j, (v, k))| {
                let hull = v.hull(*k);
                let margin = 0.1 * hull.width() + 1e-12 * (hull.magnitude() + self.info(j).scale);
                Interval { lo: hull.lo - margin, hi: hull.hi + margin }
            })
            .collect();
        let Krawczyk::Image(next, _) = self.krawczyk(&larger)? else { return Some(None) };
        if strictly(&next, &larger) {
            return self.tighten(next, larger).map(Some);
        }
        Some(None)
    }
}
