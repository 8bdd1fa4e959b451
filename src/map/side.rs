//! One side of a map: a range of one number, cut into cells.
//!
//! A cell stands for its middle. Numbers that must be whole have equal bands around each whole number instead.

use crate::sweep::design::Axis;

/// A side.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// The number, its range in its unit, and how many cells there are.
    pub axis: Axis,
    /// Whether the model takes whole numbers only.
    pub whole: bool,
}

impl Side {
    /// Number of cells.
    #[must_use]
    pub fn cells(&self) -> usize {
        usize::try_from(self.axis.points).unwrap_or(usize::MAX)
    }

    /// The value that a cell stands for, in the unit of the side.
    #[must_use]
    pub fn value(&self, cell: usize) -> f64 {
        let cells = self.axis.points.max(1) as f64;
        if self.whole {
            let (low, high) = self.axis_ends();
            return low + (cell as f64 * (high - low + 1.0) / cells).floor();
        }
        self.axis.at((cell as f64 + 0.5) / cells)
    }

    /// The same in base units.
    #[must_use]
    pub fn base(&self, cell: usize) -> f64 {
        self.value(cell) * self.axis.factor
    }

    /// Where the first cell begins and the last one ends, in the unit of the side.
    #[must_use]
    pub fn ends(&self) -> (f64, f64) {
        if !self.whole {
            return (self.axis.low, self.axis.high);
        }
        let (low, high) = self.axis_ends();
        (low - 0.5, high + 0.5)
    }

    /// The same in base units.
    #[must_use]
    pub fn base_ends(&self) -> (f64, f64) {
        let (low, high) = self.ends();
        (low * self.axis.factor, high * self.axis.factor)
    }

    /// Where a value in base units lies, in cells from the beginning of the first.
    #[must_use]
    pub fn position(&self, base: f64) -> f64 {
        use crate::sweep::design::Spacing;
        let ((low, high), value) = (self.ends(), base / self.axis.factor);
        let share = match self.axis.spacing {
            Spacing::Logarithmic if !self.whole => libm::log(value / low) / libm::log(high / low),
            _ => (value - low) / (high - low),
        };
        share * self.axis.points as f64
    }

    /// The value, in the unit of the side, so many cells from the beginning of the first.
    #[must_use]
    pub fn at(&self, position: f64) -> f64 {
        let share = position / self.axis.points.max(1) as f64;
        if self.whole {
            let (low, high) = self.ends();
            return low + share * (high - low);
        }
        self.axis.at(share)
    }

    /// What `--set` would be told to put the number to the value of a cell.
    #[must_use]
    pub fn change(&self, cell: usize) -> (String, String) {
        let value = format!("{} {}", self.value(cell), self.axis.unit);
        (self.axis.path.clone(), value.trim_end().to_owned())
    }

    fn axis_ends(&self) -> (f64, f64) {
        (self.axis.low.ceil(), self.axis.high.floor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::design::Spacing;

    fn side(whole: bool, low: f64, high: f64, points: u64, spacing: Spacing) -> Side {
        let axis = Axis { path: "x".to_owned(), low, high, unit: "ms".to_owned(), factor: 1e-3, points, spacing };
        Side { axis, whole }
    }

    #[test]
    fn cells_stand_for_their_middle_and_positions_invert_them() {
        for spacing in [Spacing::Linear, Spacing::Logarithmic] {
            let side = side(false, 10.0, 1000.0, 64, spacing);
            for cell in [0, 17, 63] {
                assert!((side.position(side.base(cell)) - (cell as f64 + 0.5)).abs() < 1e-9);
                assert!((side.at(cell as f64 + 0.5) - side.value(cell)).abs() < 1e-9 * side.value(cell));
            }
        }
        assert_eq!(side(false, 0.0, 10.0, 5, Spacing::Linear).value(2), 5.0);
    }

    #[test]
    fn whole_numbers_have_equal_bands() {
        let side = side(true, 1.0, 6.0, 512, Spacing::Linear);
        let values: Vec<f64> = (0..512).map(|i| side.value(i)).collect();
        for whole in 1..=6 {
            let cells = values.iter().filter(|v| **v == f64::from(whole)).count();
            assert!(cells.abs_diff(512 / 6) <= 1, "{whole}: {cells}");
            assert!((side.position(f64::from(whole) * 1e-3) - 512.0 * (f64::from(whole) - 0.5) / 6.0).abs() < 1e-9);
        }
        assert_eq!((values[0], values[511]), (1.0, 6.0));
    }
}
