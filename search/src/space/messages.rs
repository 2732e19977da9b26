//! Numbers the messages of a search, for each sender and receiver from 0.

use framework::{Address, Envelope, Payload};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The messages between one sender and one receiver.
#[derive(Default)]
struct Pair {
    envelopes: Vec<Envelope>,
    /// Of content, so the same on every machine.
    hashes: Vec<u64>,
    by_content: HashTable<u32>,
    bytes: u64,
}

/// All messages, by sender and receiver. The receiver one past the last node stands for all unknown addresses.
pub(crate) struct Messages {
    nodes: usize,
    pairs: Vec<Pair>,
}

impl Messages {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes, pairs: (0..nodes * (nodes + 1)).map(|_| Pair::default()).collect() }
    }

    fn pair(&self, from: usize, to: usize) -> &Pair {
        &self.pairs[from * (self.nodes + 1) + to]
    }

    /// The number of a message from `from` to `to`; `envelope` makes it if it is new.
    pub(super) fn intern(
        &mut self,
        from: usize,
        to: usize,
        envelope: impl FnOnce() -> Envelope,
        address: Address,
        message: &Payload,
    ) -> u32 {
        let unknown = to == self.nodes;
        let pair = &mut self.pairs[from * (self.nodes + 1) + to];
        let mut hash = xxh3_64_with_seed(message.bytes(), to as u64);
        if unknown {
            hash ^= xxh3_64_with_seed(address.to_string().as_bytes(), 1);
        }
        let envelopes = &pair.envelopes;
        let same = |number: &u32| {
            let known = &envelopes[*number as usize];
            known.to == address && known.message == *message
        };
        if let Some(number) = pair.by_content.find(hash, same) {
            return *number;
        }
        let number = u32::try_from(pair.envelopes.len()).expect("fewer than 2^22 messages between two nodes");
        assert!(number < 1 << 22, "fewer than 2^22 messages between two nodes");
        pair.envelopes.push(envelope());
        pair.hashes.push(hash);
        pair.bytes += 160 + message.bytes().len() as u64;
        let hashes = &pair.hashes;
        pair.by_content.insert_unique(hash, number, |number| hashes[*number as usize]);
        number
    }

    /// A message by its number.
    pub(crate) fn envelope(&self, from: usize, to: usize, number: usize) -> &Envelope {
        &self.pair(from, to).envelopes[number]
    }

    /// The hash of a message's content.
    pub(super) fn hash(&self, from: usize, to: usize, number: usize) -> u64 {
        self.pair(from, to).hashes[number]
    }

    /// How many messages there are from `from` to `to`.
    pub(crate) fn count(&self, from: usize, to: usize) -> usize {
        self.pair(from, to).envelopes.len()
    }

    /// All messages from `from` to `to`, in the order of their numbers.
    pub(crate) fn between(&self, from: usize, to: usize) -> &[Envelope] {
        &self.pair(from, to).envelopes
    }

    /// How many messages there are.
    pub(crate) fn len(&self) -> usize {
        self.pairs.iter().map(|pair| pair.envelopes.len()).sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.pairs.iter().map(|pair| pair.bytes).sum()
    }
}
