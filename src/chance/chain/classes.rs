//! Which states can be reached from which: communicating classes and reachability.

use super::generator::Generator;

/// The communicating classes of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes {
    /// Class of each state.
    pub of: Vec<u32>,
    /// Number of classes.
    pub count: usize,
    /// The closed classes, which are never left, in the order of their first states.
    pub closed: Vec<u32>,
}

impl Classes {
    /// The classes by Tarjan's algorithm (1972), without recursion: chains are millions of states deep.
    #[must_use]
    pub fn of(generator: &Generator) -> Self {
        const UNSEEN: u32 = u32::MAX;
        let n = generator.len();
        let mut index = vec![UNSEEN; n];
        let mut low = vec![0_u32; n];
        let mut of = vec![UNSEEN; n];
        let (mut stack, mut path): (Vec<u32>, Vec<(u32, u32)>) = (Vec::new(), Vec::new());
        let (mut next, mut count) = (0_u32, 0_u32);
        for root in 0..n {
            if index[root] != UNSEEN {
                continue;
            }
            path.push((root as u32, 0));
            while let Some(&mut (state, ref mut edge)) = path.last_mut() {
                let v = state as usize;
                if *edge == 0 {
                    (index[v], low[v]) = (next, next);
                    next += 1;
                    stack.push(state);
                }
                let targets = generator.targets(v);
                if let Some(&w) = targets.get(*edge as usize) {
                    *edge += 1;
                    let w = w as usize;
                    if index[w] == UNSEEN {
                        path.push((w as u32, 0));
                    } else if of[w] == UNSEEN {
                        low[v] = low[v].min(index[w]);
                    }
                    continue;
                }
                path.pop();
                if let Some(&(parent, _)) = path.last() {
                    low[parent as usize] = low[parent as usize].min(low[v]);
                }
                if low[v] == index[v] {
                    while let Some(w) = stack.pop() {
                        of[w as usize] = count;
                        if w == state {
                            break;
                        }
                    }
                    count += 1;
                }
            }
        }
        let mut open = vec![false; count as usize];
        for i in 0..n {
            if generator.targets(i).iter().any(|&j| of[j as usize] != of[i]) {
                open[of[i] as usize] = true;
            }
        }
        let mut closed = Vec::new();
        for &class in &of {
            if !std::mem::replace(&mut open[class as usize], true) {
                closed.push(class);
            }
        }
        Self { of, count: count as usize, closed }
    }

    /// Membership in a class.
    #[must_use]
    pub fn members(&self, class: u32) -> Vec<bool> {
        self.of.iter().map(|&c| c == class).collect()
    }
}

/// The states from which `target` can be reached without entering `barrier`; `backward` is the transposed generator. The
/// targets themselves count.
#[must_use]
pub fn reaching(backward: &Generator, target: &[bool], barrier: &[bool]) -> Vec<bool> {
    let mut found = target.to_vec();
    let mut todo: Vec<u32> = (0..target.len() as u32).filter(|&i| target[i as usize]).collect();
    while let Some(j) = todo.pop() {
        for &i in backward.targets(j as usize) {
            let i = i as usize;
            if !found[i] && !barrier[i] {
                found[i] = true;
                todo.push(i as u32);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0 → 1 ⇄ 2, 0 → 3 → 4 → 3, and 5 alone.
    fn chain() -> Generator {
        let pairs = [(0, 1), (1, 2), (2, 1), (0, 3), (3, 4), (4, 3)];
        Generator::from_triples(6, pairs.map(|(i, j)| (i, j, 1.0)))
    }

    #[test]
    fn closed_classes_are_found() {
        let classes = Classes::of(&chain());
        assert_eq!((classes.count, classes.closed.len()), (4, 3));
        let members = |k: usize| {
            let class = classes.members(classes.closed[k]);
            (0..6).filter(|&i| class[i]).collect::<Vec<_>>()
        };
        assert_eq!([members(0), members(1), members(2)], [vec![1, 2], vec![3, 4], vec![5]]);
    }

    #[test]
    fn a_barrier_blocks_the_way() {
        let only = |k: usize| (0..6).map(|i| i == k).collect::<Vec<_>>();
        let backward = chain().transposed();
        assert_eq!(reaching(&backward, &only(4), &only(5)), [true, false, false, true, true, false]);
        assert_eq!(reaching(&backward, &only(4), &only(3)), [false, false, false, false, true, false]);
    }

    #[test]
    fn long_chains_do_not_overflow_the_stack() {
        let n = 300_000;
        let q = Generator::from_triples(n, (0..n).map(|i| (i, (i + 1) % n, 1.0)));
        assert_eq!(Classes::of(&q).count, 1);
    }
}
