//! Who is in the group, as data; what a majority of it is, the servers have to know.

use std::collections::BTreeSet;
use std::fmt;

use framework::Address;
use serde::{Deserialize, Serialize};

/// A configuration: the members of a group, and what they are. (Section 6)
///
/// While the group changes from one set of voters to another, both are in force: `outgoing` is the old one, C<sub>old</sub>,
/// and the whole is C<sub>old,new</sub>, a *joint* configuration. Otherwise `outgoing` is empty.
///
/// Source: `ConfState` of etcd's raft library.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Configuration {
    /// Who votes and counts; in a joint configuration, the new voters.
    pub voters: BTreeSet<Address>,
    /// In a joint configuration, the old voters; empty otherwise.
    pub outgoing: BTreeSet<Address>,
    /// Who gets the log, but is counted neither in elections nor in commits.
    pub learners: BTreeSet<Address>,
    /// In a joint configuration, which of `outgoing` become learners when it is over.
    pub learners_next: BTreeSet<Address>,
}

impl Configuration {
    /// A configuration with these voters and nobody else.
    pub fn of(voters: impl IntoIterator<Item = Address>) -> Self {
        Self { voters: voters.into_iter().collect(), ..Self::default() }
    }

    /// Whether it is C<sub>old,new</sub>, a transition.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// All its servers, whatever they are, in the order of their addresses.
    pub fn members(&self) -> BTreeSet<Address> {
        [&self.voters, &self.outgoing, &self.learners, &self.learners_next]
            .into_iter()
            .flatten()
            .copied()
            .collect()
    }
}

/// `{server1, server2}`, `{server1} → {server2}` for a joint one, and then ` with learners {server3}`.
impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = |servers: &BTreeSet<Address>| {
            let names: Vec<String> = servers.iter().map(Address::to_string).collect();
            format!("{{{}}}", names.join(", "))
        };
        if self.is_joint() {
            write!(f, "{} → ", set(&self.outgoing))?;
        }
        write!(f, "{}", set(&self.voters))?;
        if !self.learners.is_empty() {
            write!(f, " with learners {}", set(&self.learners))?;
        }
        if !self.learners_next.is_empty() {
            write!(f, ", then also {}", set(&self.learners_next))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_in_one_line() {
        let server = Address::server;
        let simple = Configuration::of([server(2), server(1)]);
        assert_eq!(simple.to_string(), "{server1, server2}");
        let joint = Configuration {
            voters: [server(2), server(3)].into(),
            outgoing: [server(1), server(2)].into(),
            learners: [server(4)].into(),
            learners_next: [server(1)].into(),
        };
        assert!(joint.is_joint() && !simple.is_joint());
        assert_eq!(
            joint.to_string(),
            "{server1, server2} → {server2, server3} with learners {server4}, then also {server1}"
        );
        assert_eq!(joint.members(), (1..=4).map(server).collect());
    }
}
