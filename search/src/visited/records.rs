//! Records of states in pieces of fixed size, so that nothing is moved when there are more.

use crate::space::ComponentId;
use crate::visited::StateIndex;

/// The records of a full piece, a power of two.
const PIECE: u32 = 1 << 12;

/// For each state its components and its predecessor.
pub(crate) struct Records {
    nodes: usize,
    pieces: Vec<Vec<u32>>,
    len: u32,
}

impl Records {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes, pieces: Vec::new(), len: 0 }
    }

    pub(super) fn nodes(&self) -> usize {
        self.nodes
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    fn record(&self, record: u32) -> &[u32] {
        let stride = self.nodes + 1;
        let start = (record % PIECE) as usize * stride;
        &self.pieces[(record / PIECE) as usize][start..start + stride]
    }

    pub(super) fn components(&self, record: u32) -> &[ComponentId] {
        &self.record(record)[..self.nodes]
    }

    /// Whether a record has these components. They are few: calling the library to compare them takes longer.
    #[inline]
    pub(super) fn is(&self, record: u32, components: &[ComponentId]) -> bool {
        let start = (record % PIECE) as usize * (self.nodes + 1);
        let piece = &self.pieces[(record / PIECE) as usize][start..];
        piece.iter().zip(components).all(|(a, b)| a == b)
    }

    pub(super) fn predecessor(&self, record: u32) -> StateIndex {
        self.record(record)[self.nodes]
    }

    /// Some word of a record, to bring it into the cache.
    pub(super) fn touch(&self, record: u32) -> u32 {
        self.pieces[(record / PIECE) as usize][(record % PIECE) as usize * (self.nodes + 1)]
    }

    pub(super) fn push(&mut self, components: &[ComponentId], predecessor: StateIndex) -> u32 {
        let record = self.len;
        if record.is_multiple_of(PIECE) {
            // A small search has small pieces: the first one grows as a vector does.
            let full = PIECE as usize * (self.nodes + 1);
            self.pieces.push(if record == 0 { Vec::new() } else { Vec::with_capacity(full) });
        }
        let piece = self.pieces.last_mut().expect("a piece was just made");
        piece.extend(components.iter().copied().chain(std::iter::once(predecessor)));
        self.len += 1;
        record
    }

    pub(super) fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.capacity() as u64 * 4).sum()
    }
}
