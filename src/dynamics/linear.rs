//! Dense LU factorisation `P A = L U` with partial pivoting, in place and without allocation after construction.
//!
//! The systems here have a handful of unknowns and are solved millions of times, so a workspace that is filled,
//! factored and used again is worth its own hundred lines. Rows are equilibrated implicitly: the pivot of a column is
//! the entry that is largest relative to its row. After Golub & Van Loan, *Matrix Computations*, section 3.4.

/// A square matrix, stored by rows, and its LU factors in the same memory.
#[derive(Debug, Clone)]
pub struct Lu {
    n: usize,
    a: Vec<f64>,
    rows: Vec<usize>,
    weight: Vec<f64>,
    scratch: Vec<f64>,
    odd: bool,
}

impl Lu {
    /// Workspace for systems of `n` equations, holding the zero matrix.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { n, a: vec![0.0; n * n], rows: (0..n).collect(), weight: vec![0.0; n], scratch: vec![0.0; n], odd: false }
    }

    /// The entries by rows, to be filled before [`Lu::factor`].
    pub fn matrix_mut(&mut self) -> &mut [f64] {
        &mut self.a
    }

    /// Factors the matrix in place. Returns `false` if it is singular to working precision or not finite.
    pub fn factor(&mut self) -> bool {
        let n = self.n;
        self.odd = false;
        for i in 0..n {
            self.rows[i] = i;
            let largest = self.a[i * n..(i + 1) * n].iter().fold(0.0f64, |m, v| m.max(v.abs()));
            if !(largest > 0.0 && largest.is_finite()) {
                return false;
            }
            self.weight[i] = 1.0 / largest;
        }
        for k in 0..n {
            let (mut best, mut size) = (k, -1.0);
            for i in k..n {
                let s = self.a[i * n + k].abs() * self.weight[i];
                if s > size {
                    (best, size) = (i, s);
                }
            }
            if size <= 0.0 || !size.is_finite() {
                return false;
            }
            if best != k {
                for j in 0..n {
                    self.a.swap(k * n + j, best * n + j);
                }
                self.rows.swap(k, best);
                self.weight.swap(k, best);
                self.odd = !self.odd;
            }
            let inverse = 1.0 / self.a[k * n + k];
            for i in k + 1..n {
                let factor = self.a[i * n + k] * inverse;
                self.a[i * n + k] = factor;
                if factor != 0.0 {
                    for j in k + 1..n {
                        self.a[i * n + j] -= factor * self.a[k * n + j];
                    }
                }
            }
        }
        true
    }

    /// Solves `A x = b`, overwriting `b` with `x`.
    pub fn solve(&mut self, b: &mut [f64]) {
        let n = self.n;
        for i in 0..n {
            let row = &self.a[i * n..i * n + i];
            let sum: f64 = row.iter().zip(&self.scratch).map(|(l, y)| l * y).sum();
            self.scratch[i] = b[self.rows[i]] - sum;
        }
        for i in (0..n).rev() {
            let row = &self.a[i * n + i + 1..(i + 1) * n];
            let sum: f64 = row.iter().zip(&b[i + 1..n]).map(|(u, x)| u * x).sum();
            b[i] = (self.scratch[i] - sum) / self.a[i * n + i];
        }
    }

    /// Solves `Aᵀ x = b`, overwriting `b` with `x`.
    pub fn solve_transposed(&mut self, b: &mut [f64]) {
        let n = self.n;
        for (i, &right) in b.iter().enumerate() {
            let mut sum = right;
            for j in 0..i {
                sum -= self.a[j * n + i] * self.scratch[j];
            }
            self.scratch[i] = sum / self.a[i * n + i];
        }
        for i in (0..n).rev() {
            let mut sum = self.scratch[i];
            for j in i + 1..n {
                sum -= self.a[j * n + i] * self.scratch[j];
            }
            self.scratch[i] = sum;
        }
        for (&row, v) in self.rows.iter().zip(&self.scratch) {
            b[row] = *v;
        }
    }

    /// Sign of the determinant, 1 or -1, after a successful [`Lu::factor`].
    #[must_use]
    pub fn determinant_sign(&self) -> f64 {
        let negative = (0..self.n).filter(|i| self.a[i * self.n + i] < 0.0).count();
        if (negative % 2 == 1) == self.odd { 1.0 } else { -1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::Lu;

    const A: [f64; 9] = [0.0, 2.0, 1.0, 1e6, 3e6, -2e6, 4.0, -1.0, 5.0];

    fn factored() -> Lu {
        let mut lu = Lu::new(3);
        lu.matrix_mut().copy_from_slice(&A);
        assert!(lu.factor());
        lu
    }

    #[test]
    fn solves_a_system_that_needs_pivoting() {
        let x = [1.5, -2.0, 0.25];
        let mut b: Vec<f64> = (0..3).map(|i| (0..3).map(|j| A[i * 3 + j] * x[j]).sum()).collect();
        factored().solve(&mut b);
        assert!(b.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-14), "{b:?}");
    }

    #[test]
    fn solves_the_transposed_system() {
        let x = [1.5, -2.0, 0.25];
        let mut b: Vec<f64> = (0..3).map(|i| (0..3).map(|j| A[j * 3 + i] * x[j]).sum()).collect();
        factored().solve_transposed(&mut b);
        assert!(b.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-13), "{b:?}");
    }

    #[test]
    fn sign_of_the_determinant_is_that_of_the_cofactor_expansion() {
        // det = 0*(...) - 2*(1e6*5 + 2e6*4) + 1*(-1e6 - 12e6) < 0
        assert!(factored().determinant_sign() < 0.0);
    }

    #[test]
    fn singular_matrix_is_reported() {
        let mut lu = Lu::new(2);
        lu.matrix_mut().copy_from_slice(&[1.0, 2.0, 2.0, 4.0]);
        assert!(!lu.factor());
    }
}
