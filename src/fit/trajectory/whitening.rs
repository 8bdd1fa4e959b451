//! Residuals of one instant in units of what chance makes of them together.
//!
//! What is served, what was answered in time and who is still inside are shown by different columns and decided by the
//! same few events: a slow second makes all of them wrong at once. With the covariance V of the residuals d of an instant and
//! its factor V = L Lᵀ, the components of `L⁻¹ d` are uncorrelated and of variance one (generalised least squares, A. Aitken,
//! Proceedings of the Royal Society of Edinburgh 55 (1935) 42-48).

use nalgebra::{Cholesky, DMatrix};

/// The residuals of one instant.
#[derive(Debug, Clone, PartialEq)]
struct Block {
    /// Their places.
    rows: Vec<usize>,
    /// L⁻¹.
    inverse: DMatrix<f64>,
}

/// Factors for all instants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Whitening {
    blocks: Vec<Block>,
}

impl Whitening {
    /// Adds an instant: the places of its residuals, and their covariance. False if that is not positive definite.
    pub fn add(&mut self, rows: Vec<usize>, covariance: DMatrix<f64>) -> bool {
        let order = rows.len();
        let Some(factor) = Cholesky::new(covariance) else { return false };
        let Some(inverse) = factor.l().solve_lower_triangular(&DMatrix::identity(order, order)) else { return false };
        self.blocks.push(Block { rows, inverse });
        true
    }

    /// Replaces residuals, or derivatives of all of them, by their components.
    pub fn apply(&self, values: &mut [f64]) {
        let mut before = Vec::new();
        for Block { rows, inverse } in &self.blocks {
            before.clear();
            before.extend(rows.iter().map(|&row| values[row]));
            for (i, &row) in rows.iter().enumerate() {
                values[row] = before[..=i].iter().enumerate().map(|(j, v)| inverse[(i, j)] * v).sum();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Whitening;
    use nalgebra::DMatrix;

    /// d' V⁻¹ d of a 2 by 2 covariance by hand: V = [4 2; 2 3], det 8, d = (2, 1): (3·4 - 2·2·2 + 4·1)/8 = 1.
    #[test]
    fn squares_are_those_of_the_inverse_covariance() {
        let mut whitening = Whitening::default();
        assert!(whitening.add(vec![2, 0], DMatrix::from_row_slice(2, 2, &[4.0, 2.0, 2.0, 3.0])));
        let mut values = [1.0, 9.0, 2.0];
        whitening.apply(&mut values);
        assert_eq!(values[1], 9.0);
        assert!((values[0].powi(2) + values[2].powi(2) - 1.0).abs() < 1e-14, "{values:?}");
        assert!(!whitening.add(vec![0, 1], DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 2.0, 1.0])));
    }
}
