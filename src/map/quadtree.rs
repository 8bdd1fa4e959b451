//! A map of a few words from few of its cells.
//!
//! Cells on a coarse lattice are worked out first. A block between four of them that say the same is filled with it; one between cells
//! that do not is halved both ways, and so is every block that shares a corner with such a one, so that a boundary that bulges
//! into its neighbour is not missed. At the end no cell that was worked out may contradict the block it lies in: if one does, the block is
//! halved as well. What lies wholly within a block whose corners agree, and touches no block that was halved, stays unseen: an island must be as wide as the coarse
//! lattice to be found for certain.

/// A map made this way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refined {
    /// One label for each cell, row by row from the lowest.
    pub cells: Vec<u8>,
    /// Cells that were worked out.
    pub evaluated: usize,
}

/// Cells `x0..=x1` by `y0..=y1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    x0: usize,
    x1: usize,
    y0: usize,
    y1: usize,
}

impl Block {
    fn corners(&self) -> [(usize, usize); 4] {
        [(self.x0, self.y0), (self.x1, self.y0), (self.x0, self.y1), (self.x1, self.y1)]
    }

    /// Whether there is nothing but corners.
    fn is_least(&self) -> bool {
        self.x1 - self.x0 <= 1 && self.y1 - self.y0 <= 1
    }

    fn split(&self, into: &mut Vec<Self>) {
        let halves =
            |a: usize, b: usize| if b - a <= 1 { vec![(a, b)] } else { vec![(a, a.midpoint(b)), (a.midpoint(b), b)] };
        for (y0, y1) in halves(self.y0, self.y1) {
            into.extend(halves(self.x0, self.x1).into_iter().map(|(x0, x1)| Self { x0, x1, y0, y1 }));
        }
    }
}

/// Works out the labels of cells (column, row), in the same order.
pub type Evaluate<'a, E> = dyn FnMut(&[(usize, usize)]) -> Result<Vec<u8>, E> + 'a;

/// Fills `columns` by `rows` cells from a lattice that takes every `2^halvings`-th of them, by halving; with `halvings` zero every
/// cell is worked out. `evaluate` gives the labels of cells (column, row).
///
/// # Errors
/// The first of `evaluate`.
pub fn refine<E>((columns, rows): (usize, usize), halvings: u32, evaluate: &mut Evaluate<'_, E>) -> Result<Refined, E> {
    let stride = 1_usize << halvings.min(20);
    let mut known: Vec<Option<u8>> = vec![None; columns * rows];
    let mut evaluated = 0;
    let lattice = |cells: usize| -> Vec<(usize, usize)> {
        let mut at: Vec<usize> = (0..cells).step_by(stride).collect();
        if at.last() != Some(&(cells - 1)) {
            at.push(cells - 1);
        }
        if at.len() == 1 { vec![(0, 0)] } else { at.windows(2).map(|pair| (pair[0], pair[1])).collect() }
    };
    if columns == 0 || rows == 0 {
        return Ok(Refined { cells: Vec::new(), evaluated });
    }
    let across = lattice(columns);
    let mut pending: Vec<Block> = lattice(rows)
        .into_iter()
        .flat_map(|(y0, y1)| across.iter().map(move |&(x0, x1)| Block { x0, x1, y0, y1 }))
        .collect();
    let mut leaves: Vec<Block> = Vec::new();
    let mut edge = vec![false; columns * rows];
    while !pending.is_empty() {
        let mut wanted: Vec<(usize, usize)> = pending.iter().flat_map(Block::corners).collect();
        wanted.retain(|&(x, y)| known[y * columns + x].is_none());
        wanted.sort_unstable_by_key(|&(x, y)| (y, x));
        wanted.dedup();
        evaluated += wanted.len();
        for (&(x, y), label) in wanted.iter().zip(evaluate(&wanted)?) {
            known[y * columns + x] = Some(label);
        }
        let label = |(x, y): (usize, usize)| known[y * columns + x];
        edge.fill(false);
        for block in &pending {
            let corners = block.corners();
            if corners.iter().any(|&c| label(c) != label(corners[0])) {
                corners.iter().for_each(|&(x, y)| edge[y * columns + x] = true);
            }
        }
        let mut next = Vec::new();
        for block in pending.drain(..).filter(|block| !block.is_least()) {
            if block.corners().iter().any(|&(x, y)| edge[y * columns + x]) {
                block.split(&mut next);
            } else {
                leaves.push(block);
            }
        }
        leaves.retain(|leaf| {
            let own = label((leaf.x0, leaf.y0));
            let row = |y: usize| &known[y * columns + leaf.x0..=y * columns + leaf.x1];
            let holds = (leaf.y0..=leaf.y1).all(|y| row(y).iter().all(|k| k.is_none() || *k == own));
            if !holds {
                leaf.split(&mut next);
            }
            holds
        });
        pending = next;
    }
    for leaf in &leaves {
        let own = known[leaf.y0 * columns + leaf.x0];
        for y in leaf.y0..=leaf.y1 {
            known[y * columns + leaf.x0..=y * columns + leaf.x1].fill(own);
        }
    }
    Ok(Refined { cells: known.into_iter().map(Option::unwrap_or_default).collect(), evaluated })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn refined(size: (usize, usize), halvings: u32, of: &dyn Fn(f64, f64) -> u8) -> Refined {
        let share = |i: usize, n: usize| (i as f64 + 0.5) / n as f64;
        let mut evaluate = |cells: &[(usize, usize)]| -> Result<Vec<u8>, Infallible> {
            Ok(cells.iter().map(|&(x, y)| of(share(x, size.0), share(y, size.1))).collect())
        };
        refine(size, halvings, &mut evaluate).unwrap()
    }

    /// Discs, a parabola, a wedge that ends in a point, stripes: each equals the map of all cells, from few of them.
    #[test]
    fn refined_maps_are_those_of_all_cells() {
        type Of = dyn Fn(f64, f64) -> u8;
        let shapes: [(&Of, usize); 4] = [
            (&|x, y| u8::from((x - 0.4).hypot(y - 0.6) < 0.3) + u8::from((x - 0.5).hypot(y - 0.5) < 0.2), 6),
            (&|x, y| u8::from(y > 4.0 * (x - 0.5) * (x - 0.5)), 6),
            (&|x, y| if (y - 0.5).abs() < 0.4 * (x - 0.31).max(0.0).powf(1.5) { 2 } else { u8::from(y > 0.5) }, 6),
            (&|x, y| ((5.0 * (x + 0.3 * y)) as u8) % 3, 3),
        ];
        for (i, (of, ratio)) in shapes.iter().enumerate() {
            for size in [(512, 512), (500, 300)] {
                let (whole, few) = (refined(size, 0, *of), refined(size, 4, *of));
                assert_eq!(whole.evaluated, size.0 * size.1);
                assert_eq!(whole.cells, few.cells, "{i}");
                assert!(few.evaluated * ratio < whole.evaluated, "{i}: {} of {}", few.evaluated, whole.evaluated);
            }
        }
    }

    #[test]
    fn an_island_between_the_cells_of_the_lattice_is_missed_and_a_wider_one_is_not() {
        let island = |radius: f64| move |x: f64, y: f64| u8::from((x - 0.53).hypot(y - 0.53) < radius);
        // 128 cells, every eighth on the lattice: 1/16 of the side from one to the next.
        assert!(refined((128, 128), 3, &island(0.01)).cells.iter().all(|&c| c == 0));
        assert_eq!(refined((128, 128), 3, &island(0.07)), {
            let whole = refined((128, 128), 0, &island(0.07));
            Refined { evaluated: refined((128, 128), 3, &island(0.07)).evaluated, ..whole }
        });
    }

    #[test]
    fn a_single_cell_is_a_map() {
        assert_eq!(refined((1, 1), 3, &|_, _| 7), Refined { cells: vec![7], evaluated: 1 });
        assert_eq!(refined((1, 5), 1, &|_, y| u8::from(y > 0.5)).cells, [0, 0, 0, 1, 1]);
    }
}
