//! Which nodes may crash and restart in a search, and how often.

use std::collections::BTreeMap;

use framework::{Address, AnyNode};

/// How many crashes and restarts a search may use, counted from where it starts, and which nodes may crash. None unless
/// it is set.
///
/// How many were used is part of a state in such a search: with fewer of them left, less can happen.
///
/// ```
/// use framework::Address;
/// use search::Faults;
///
/// let mut faults = Faults::default();
/// faults.crashes(1).restarts(1).node(Address::server(3), false);
/// assert!(!faults.is_off());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    crashes: u16,
    restarts: u16,
    nodes: BTreeMap<Address, bool>,
}

impl Faults {
    /// Allows so many crashes in all.
    pub fn crashes(&mut self, count: u16) -> &mut Self {
        self.crashes = count;
        self
    }

    /// Allows so many restarts in all. Starting a node that was added as not started is one.
    pub fn restarts(&mut self, count: u16) -> &mut Self {
        self.restarts = count;
        self
    }

    /// Lets one node crash, or not. Unless it is set, all nodes may but client workers.
    pub fn node(&mut self, node: Address, may_crash: bool) -> &mut Self {
        self.nodes.insert(node, may_crash);
        self
    }

    /// Whether nothing may crash or restart.
    pub fn is_off(&self) -> bool {
        self.crashes == 0 && self.restarts == 0
    }

    /// Whether the node at `address` may crash while crashes are left.
    pub fn may_crash(&self, address: Address, node: &dyn AnyNode) -> bool {
        self.nodes.get(&address).copied().unwrap_or_else(|| node.as_worker().is_none())
    }

    /// Whether a restart is left after so many.
    pub(crate) fn restarts_left(&self, used: usize) -> bool {
        used < usize::from(self.restarts)
    }

    /// Every address that a setting names; a caller can check that the system has them.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        self.nodes.keys().copied()
    }

    /// What may happen among these nodes, in words.
    pub(crate) fn text(&self, may_crash: &[Address]) -> String {
        let counted = |count: u16, what: &str| {
            let s = if count == 1 {
                ""
            } else if what.ends_with("sh") {
                "es"
            } else {
                "s"
            };
            if count == 0 { format!("no {what}") } else { format!("at most {count} {what}{s}") }
        };
        let nodes: Vec<String> = may_crash.iter().map(Address::to_string).collect();
        let of = if self.crashes == 0 { String::new() } else { format!(" of {}", nodes.join(", ")) };
        format!("{}{of}; {}", counted(self.crashes, "crash"), counted(self.restarts, "restart"))
    }

    /// The budget as what may still be used.
    pub(crate) fn budget(&self) -> Used {
        Used::default().and(self.crashes, self.restarts)
    }
}

/// The crashes and restarts used so far, in one word: what a state of a search with faults carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Used(u32);

impl Used {
    /// A crash, as what is added to the word.
    pub(crate) const CRASH: u32 = 1 << 16;
    /// A restart.
    pub(crate) const RESTART: u32 = 1;

    pub(crate) fn from_word(word: u32) -> Self {
        Self(word)
    }

    fn and(self, crashes: u16, restarts: u16) -> Self {
        Self(self.0 + u32::from(crashes) * Self::CRASH + u32::from(restarts) * Self::RESTART)
    }

    fn crashes(self) -> u32 {
        self.0 >> 16
    }

    fn restarts(self) -> u32 {
        self.0 & 0xffff
    }

    /// Whether one more crash is within the budget.
    pub(crate) fn crash_left(self, budget: Self) -> bool {
        self.crashes() < budget.crashes()
    }

    /// Whether one more restart is within the budget.
    pub(crate) fn restart_left(self, budget: Self) -> bool {
        self.restarts() < budget.restarts()
    }

    /// What it adds to the hash of a state: nothing as long as nothing was used.
    pub(crate) fn hash(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
