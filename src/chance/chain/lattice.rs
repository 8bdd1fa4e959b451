//! The lattice of states: a box of equally spaced values, one axis per state variable.
//!
//! States are numbered row by row: the last axis runs fastest.

/// One axis: `size` values from `low` in equal steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Name of the state variable.
    pub name: String,
    /// Smallest value, in base units.
    pub low: f64,
    /// Distance between neighbours, positive.
    pub step: f64,
    /// Number of values, at least one.
    pub size: usize,
}

/// A box of lattice states.
#[derive(Debug, Clone, PartialEq)]
pub struct Lattice {
    axes: Vec<Axis>,
    strides: Vec<usize>,
    len: usize,
}

impl Lattice {
    /// A lattice over these axes; `None` if the number of states does not fit 32 bits.
    #[must_use]
    pub fn new(axes: Vec<Axis>) -> Option<Self> {
        let mut strides = vec![1_usize; axes.len()];
        let mut len = 1_usize;
        for (stride, axis) in strides.iter_mut().zip(&axes).rev() {
            *stride = len;
            len = len.checked_mul(axis.size).filter(|&n| n < u32::MAX as usize)?;
        }
        Some(Self { axes, strides, len })
    }

    /// The axes, in the order of the state variables.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Number of states.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no states.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How far apart in the numbering two neighbours along an axis are.
    #[must_use]
    pub fn stride(&self, axis: usize) -> usize {
        self.strides[axis]
    }

    /// Place of a state along an axis, from zero.
    #[inline]
    #[must_use]
    pub fn coordinate(&self, state: usize, axis: usize) -> usize {
        state / self.strides[axis] % self.axes[axis].size
    }

    /// Value of a state along an axis.
    #[must_use]
    pub fn value(&self, state: usize, axis: usize) -> f64 {
        self.axes[axis].low + self.axes[axis].step * self.coordinate(state, axis) as f64
    }

    /// The state with these values, if they lie on the lattice.
    #[must_use]
    pub fn state(&self, values: &[f64]) -> Option<usize> {
        let places = self.axes.iter().zip(values).map(|(axis, value)| {
            let place = ((value - axis.low) / axis.step).round();
            let near = (axis.low + place * axis.step - value).abs() <= 1e-9 * axis.step;
            (near && place >= 0.0 && place < axis.size as f64).then_some(place as usize)
        });
        places.zip(&self.strides).map(|(place, stride)| place.map(|p| p * stride)).sum()
    }

    /// A state in words: `queue = 3, orbit = 0`.
    #[must_use]
    pub fn describe(&self, state: usize) -> String {
        let place = |(k, axis): (usize, &Axis)| format!("{} = {}", axis.name, self.value(state, k));
        self.axes.iter().enumerate().map(place).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_values_belong_together() {
        let axis = |name: &str, low, step, size| Axis { name: name.to_owned(), low, step, size };
        let lattice = Lattice::new(vec![axis("a", -1.0, 0.5, 5), axis("b", 0.0, 2.0, 3)]).expect("small");
        assert_eq!((lattice.len(), lattice.stride(0), lattice.stride(1)), (15, 3, 1));
        for state in 0..15 {
            assert_eq!(lattice.state(&[lattice.value(state, 0), lattice.value(state, 1)]), Some(state));
        }
        assert_eq!(lattice.state(&[-1.0, 1.0]), None);
        assert_eq!(lattice.state(&[1.5, 0.0]), None);
        assert_eq!(lattice.describe(4), "a = -0.5, b = 2");
        assert!(Lattice::new(vec![axis("a", 0.0, 1.0, 1 << 20), axis("b", 0.0, 1.0, 1 << 20)]).is_none());
    }
}
