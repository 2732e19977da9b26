//! Counts how many different states there are when some components are taken for the same.

use hashbrown::HashTable;

use crate::bfs::Bfs;
use crate::space::ComponentId;

/// The visited states, one after the other.
pub(super) struct States {
    words: Vec<ComponentId>,
    width: usize,
    nodes: usize,
    /// For each node whether a component is in any state.
    pub(super) occurs: Vec<Vec<bool>>,
}

/// For each node the class of each of its components; empty where every component is a class of its own.
pub(super) type Classes = Vec<Vec<u32>>;

impl States {
    pub(super) fn of(bfs: &Bfs<'_>) -> Self {
        let space = &bfs.engine.space;
        let mut states = Self {
            words: Vec::new(),
            width: space.width(),
            nodes: space.len(),
            occurs: space.nodes.iter().map(|node| vec![false; node.components.len()]).collect(),
        };
        for shard in 0..bfs.shards.len() {
            bfs.for_each_state_of(shard, |visit| {
                states.words.extend_from_slice(visit.ids);
                for (id, occurs) in visit.ids.iter().zip(&mut states.occurs) {
                    occurs[*id as usize] = true;
                }
            });
        }
        states
    }

    fn rows(&self) -> impl Iterator<Item = &[ComponentId]> {
        self.words.chunks_exact(self.width)
    }

    /// How many states are different by their classes.
    pub(super) fn count_distinct(&self, classes: &Classes) -> u64 {
        let word = |node: usize, id: ComponentId| match classes.get(node) {
            Some(of_node) if !of_node.is_empty() => of_node[id as usize],
            _ => id,
        };
        let row = |number: u32| &self.words[number as usize * self.width..(number as usize + 1) * self.width];
        let hash = |row: &[ComponentId]| {
            row.iter().enumerate().fold(0_u64, |hash, (node, id)| {
                (hash.rotate_left(5) ^ u64::from(word(node, *id))).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            })
        };
        let same = |a: &[ComponentId], b: &[ComponentId]| {
            a.iter().zip(b).enumerate().all(|(node, (a, b))| word(node, *a) == word(node, *b))
        };
        let mut seen: HashTable<u32> = HashTable::new();
        for (number, here) in (0..).zip(self.rows()) {
            let of_here = hash(here);
            if seen.find(of_here, |other| same(row(*other), here)).is_none() {
                seen.insert_unique(of_here, number, |other| hash(row(*other)));
            }
        }
        seen.len() as u64
    }

    /// For each state the largest of the measures of its components.
    pub(super) fn largest(&self, measure: impl Fn(usize, ComponentId) -> u64) -> Vec<u64> {
        let largest = |row: &[ComponentId]| {
            row.iter().take(self.nodes).enumerate().map(|(node, id)| measure(node, *id)).max().unwrap_or(0)
        };
        self.rows().map(largest).collect()
    }
}
