//! Eigenvalues, and nothing else, of a real matrix in Hessenberg form by the QR algorithm with double shifts (J. Francis,
//! Comput. J. 4 (1961-62); R. Martin, G. Peters & J. Wilkinson, Numer. Math. 14 (1970) 219-231).
//!
//! Without the orthogonal factor, and with the sweeps kept to the part that has not come apart yet, this costs a
//! fraction of a Schur decomposition.

use nalgebra::{Complex, DMatrix};

/// Sweeps per eigenvalue after which the iteration is given up.
const SWEEPS: usize = 90;

/// A Hessenberg matrix stored by rows, of which rows and columns `low..=high` are worked on.
struct Work {
    n: usize,
    h: Vec<f64>,
    /// Size of the whole, for entries whose neighbours vanish.
    norm: f64,
    /// Sum of the exceptional shifts, which are taken off the diagonal.
    shift: f64,
}

/// The first column of a double shift, or the reflector made of it.
type Triple = [f64; 3];

/// Eigenvalues of a matrix whose entries below the first subdiagonal are not looked at. `None` if they do not converge.
pub(super) fn hessenberg_eigenvalues(matrix: &DMatrix<f64>) -> Option<Vec<Complex<f64>>> {
    let n = matrix.nrows();
    let mut h = vec![0.0; n * n];
    let mut norm = 0.0;
    for i in 0..n {
        for j in i.saturating_sub(1)..n {
            h[i * n + j] = matrix[(i, j)];
            norm += matrix[(i, j)].abs();
        }
    }
    let mut work = Work { n, h, norm, shift: 0.0 };
    let mut values = Vec::with_capacity(n);
    let mut left = n;
    let mut sweeps = 0;
    while left > 0 {
        let high = left - 1;
        let low = work.split(high);
        if low == high {
            values.push(Complex::new(work.at(high, high) + work.shift, 0.0));
            (left, sweeps) = (left - 1, 0);
        } else if low + 1 == high {
            values.extend(work.pair(high));
            (left, sweeps) = (left - 2, 0);
        } else {
            if sweeps == SWEEPS {
                return None;
            }
            work.sweep(low, high, sweeps);
            sweeps += 1;
        }
    }
    Some(values)
}

impl Work {
    fn at(&self, i: usize, j: usize) -> f64 {
        self.h[i * self.n + j]
    }

    fn set(&mut self, i: usize, j: usize, value: f64) {
        self.h[i * self.n + j] = value;
    }

    /// Start of the last block that no negligible subdiagonal entry divides.
    fn split(&mut self, high: usize) -> usize {
        for low in (1..=high).rev() {
            let around = self.at(low - 1, low - 1).abs() + self.at(low, low).abs();
            let around = if around == 0.0 { self.norm } else { around };
            if self.at(low, low - 1).abs() <= f64::EPSILON * around {
                self.set(low, low - 1, 0.0);
                return low;
            }
        }
        0
    }

    /// Eigenvalues of the last block of two.
    fn pair(&self, high: usize) -> [Complex<f64>; 2] {
        let (x, y) = (self.at(high, high), self.at(high - 1, high - 1));
        let w = self.at(high, high - 1) * self.at(high - 1, high);
        let p = 0.5 * (y - x);
        let (q, x) = (p * p + w, x + self.shift);
        let root = q.abs().sqrt();
        if q < 0.0 {
            return [Complex::new(x + p, root), Complex::new(x + p, -root)];
        }
        let z = p + root.copysign(p);
        let other = if z == 0.0 { x } else { x - w / z };
        [Complex::new(x + z, 0.0), Complex::new(other, 0.0)]
    }

    /// One double step on the block `low..=high`, of order three at least.
    fn sweep(&mut self, low: usize, high: usize, done: usize) {
        let (mut x, mut y) = (self.at(high, high), self.at(high - 1, high - 1));
        let mut w = self.at(high, high - 1) * self.at(high - 1, high);
        if done % 10 == 9 {
            // An exceptional shift breaks cycles.
            self.shift += x;
            for i in 0..=high {
                self.h[i * self.n + i] -= x;
            }
            let s = self.at(high, high - 1).abs() + self.at(high - 1, high - 2).abs();
            (x, y, w) = (0.75 * s, 0.75 * s, -0.4375 * s * s);
        }
        let (first, column) = self.first_column(low, high, [x, y, w]);
        for i in first + 2..=high {
            self.set(i, i - 2, 0.0);
            if i > first + 2 {
                self.set(i, i - 3, 0.0);
            }
        }
        let mut column = column;
        for k in first..high {
            let last = k + 1 == high;
            let mut size = 1.0;
            if k > first {
                column = [self.at(k, k - 1), self.at(k + 1, k - 1), if last { 0.0 } else { self.at(k + 2, k - 1) }];
                size = column.iter().map(|v| v.abs()).sum();
                if size == 0.0 {
                    continue;
                }
                column = column.map(|v| v / size);
            }
            let [p, q, r] = column;
            let s = (p * p + q * q + r * r).sqrt().copysign(p);
            if s == 0.0 {
                continue;
            }
            if k > first {
                self.set(k, k - 1, -s * size);
            } else if low < first {
                self.h[k * self.n + k - 1] *= -1.0;
            }
            let p = p + s;
            self.reflect([low, k, high], [p / s, q / s, r / s], [q / p, r / p]);
        }
    }

    /// Where the sweep may begin, between two small subdiagonal entries, and the first column of the shifted product.
    fn first_column(&self, low: usize, high: usize, [x, y, w]: [f64; 3]) -> (usize, Triple) {
        let mut m = high - 2;
        loop {
            let z = self.at(m, m);
            let (r, s) = (x - z, y - z);
            let p = (r * s - w) / self.at(m + 1, m) + self.at(m, m + 1);
            let q = self.at(m + 1, m + 1) - z - r - s;
            let r = self.at(m + 2, m + 1);
            let size = p.abs() + q.abs() + r.abs();
            let column = [p / size, q / size, r / size];
            if m == low {
                return (m, column);
            }
            let beside = self.at(m, m - 1).abs() * (column[1].abs() + column[2].abs());
            let around = self.at(m - 1, m - 1).abs() + z.abs() + self.at(m + 1, m + 1).abs();
            if beside <= f64::EPSILON * column[0].abs() * around {
                return (m, column);
            }
            m -= 1;
        }
    }

    /// Applies the reflector `I - [x y z]ᵀ [1 q r]` to rows and columns k, k + 1, k + 2 within the block.
    fn reflect(&mut self, [low, k, high]: [usize; 3], [x, y, z]: Triple, [q, r]: [f64; 2]) {
        let n = self.n;
        let (one, rest) = self.h[k * n..].split_at_mut(n);
        let (two, three) = rest.split_at_mut(n);
        let (one, two) = (&mut one[k..=high], &mut two[k..=high]);
        if k + 1 < high {
            for ((a, b), c) in one.iter_mut().zip(two).zip(&mut three[k..=high]) {
                let p = *a + q * *b + r * *c;
                *a -= p * x;
                *b -= p * y;
                *c -= p * z;
            }
            for row in self.h.chunks_exact_mut(n).take(high.min(k + 3) + 1).skip(low) {
                let p = x * row[k] + y * row[k + 1] + z * row[k + 2];
                row[k] -= p;
                row[k + 1] -= p * q;
                row[k + 2] -= p * r;
            }
        } else {
            for (a, b) in one.iter_mut().zip(two) {
                let p = *a + q * *b;
                *a -= p * x;
                *b -= p * y;
            }
            for row in self.h.chunks_exact_mut(n).take(high + 1).skip(low) {
                let p = x * row[k] + y * row[k + 1];
                row[k] -= p;
                row[k + 1] -= p * q;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dense::eigenvalues;
    use nalgebra::{Complex, DMatrix, Schur};

    /// Largest distance of a found eigenvalue from the nearest true one.
    fn distance(found: &[Complex<f64>], exact: &[Complex<f64>]) -> f64 {
        let nearest = |z: &Complex<f64>| exact.iter().map(|e| (e - z).norm()).fold(f64::INFINITY, f64::min);
        found.iter().map(nearest).fold(0.0, f64::max)
    }

    #[test]
    fn agrees_with_a_schur_decomposition() {
        for n in [3usize, 4, 7, 20, 45] {
            let a = DMatrix::from_fn(n, n, |i, j| ((3 * i + 7 * j + i * j) as f64).sin());
            let schur: Vec<_> =
                Schur::try_new(a.clone(), f64::EPSILON, 10_000).unwrap().complex_eigenvalues().data.into();
            let found = eigenvalues(&a).unwrap();
            assert_eq!(found.len(), n);
            assert!(distance(&found, &schur) < 1e-12 * n as f64 && distance(&schur, &found) < 1e-12 * n as f64, "{n}");
        }
    }

    #[test]
    fn cycles_are_broken() {
        // Plain shifts leave cyclic permutations as they are.
        for n in [3usize, 4, 5, 8, 16] {
            let a = DMatrix::from_fn(n, n, |i, j| if (j + 1) % n == i { 1.0 } else { 0.0 });
            let found = eigenvalues(&a).unwrap();
            let turn = 2.0 * std::f64::consts::PI / n as f64;
            let exact: Vec<_> = (0..n).map(|k| Complex::from_polar(1.0, k as f64 * turn)).collect();
            assert!(distance(&found, &exact) < 1e-12 && distance(&exact, &found) < 1e-12, "{n}: {found:?}");
        }
    }

    #[test]
    fn zero_and_triangular_matrices_are_done_at_once() {
        assert!(eigenvalues(&DMatrix::zeros(5, 5)).unwrap().iter().all(|z| z.norm() == 0.0));
        let a = DMatrix::from_fn(4, 4, |i, j| if i <= j { (1 + i) as f64 } else { 0.0 });
        let mut found: Vec<f64> = eigenvalues(&a).unwrap().iter().map(|z| z.re).collect();
        found.sort_by(f64::total_cmp);
        assert_eq!(found, [1.0, 2.0, 3.0, 4.0]);
    }
}
