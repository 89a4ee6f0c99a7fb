//! Connected components of a graph that fits in memory, with the smallest member as representative.
//!
//! Serves cluster ids. Not for deciding what is removed: being connected is weaker than being similar.

/// Disjoint sets over `0..count`, 4 bytes an element.
///
/// The root of a set is always its smallest element, so that results depend on the unions alone and not on their
/// order. With path halving a sequence of `m` operations costs `O(m log n)`.
///
/// ```
/// use gristmill_core::union_find::UnionFind;
/// let mut sets = UnionFind::new(5);
/// assert!(sets.union(4, 2));
/// assert!(sets.union(2, 1));
/// assert!(!sets.union(1, 4));
/// assert_eq!(sets.find(4), 1);
/// assert_eq!(sets.find(3), 3);
/// ```
#[derive(Debug, Clone)]
pub struct UnionFind {
    parents: Vec<u32>,
}

impl UnionFind {
    /// Puts each of `0..count` into a set of its own.
    pub fn new(count: u32) -> Self {
        Self {
            parents: (0..count).collect(),
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.parents.len()
    }

    /// True when there is no element.
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// Returns the smallest element of the set that holds `element`.
    ///
    /// # Panics
    /// When `element` is not below `count`.
    pub fn find(&mut self, element: u32) -> u32 {
        let mut current = element as usize;
        loop {
            let parent = self.parents[current];
            let grandparent = self.parents[parent as usize];
            if parent == grandparent {
                return parent;
            }
            self.parents[current] = grandparent;
            current = grandparent as usize;
        }
    }

    /// Joins the sets of two elements; returns false when they were one set already.
    ///
    /// # Panics
    /// When an element is not below `count`.
    pub fn union(&mut self, left: u32, right: u32) -> bool {
        let (left, right) = (self.find(left), self.find(right));
        let (smaller, larger) = (left.min(right), left.max(right));
        self.parents[larger as usize] = smaller;
        smaller != larger
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::UnionFind;

    /// Labels by flooding, the slow obvious way.
    fn flooded(count: u32, edges: &[(u32, u32)]) -> Vec<u32> {
        let mut labels: Vec<u32> = (0..count).collect();
        loop {
            let before = labels.clone();
            for &(left, right) in edges {
                let smaller = labels[left as usize].min(labels[right as usize]);
                labels[left as usize] = smaller;
                labels[right as usize] = smaller;
            }
            if labels == before {
                return labels;
            }
        }
    }

    proptest! {
        #[test]
        fn representatives_are_the_smallest_members(edges in prop::collection::vec((0_u32..40, 0_u32..40), 0..60)) {
            let mut sets = UnionFind::new(40);
            for &(left, right) in &edges {
                sets.union(left, right);
            }
            let found: Vec<u32> = (0..40).map(|element| sets.find(element)).collect();
            prop_assert_eq!(found, flooded(40, &edges));
        }
    }
}
