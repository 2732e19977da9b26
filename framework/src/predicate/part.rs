//! The parts of a predicate: what has to hold together, with the name and the outcome of each.

use crate::address::Address;
use crate::predicate::{Outcome, Parts, Predicate};
use crate::view::View;

/// One of the things that must hold for a predicate to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is called: `client1: all clients are done`.
    pub name: String,
    /// Whether it holds, with a reason if it does not.
    pub outcome: Outcome,
}

impl Part {
    /// What a part of a predicate is called: the name of the conjunct, and the nodes that it is about, if it is about any.
    pub fn name_of(conjunct: &str, about: &[Address]) -> String {
        match about {
            [] => conjunct.to_owned(),
            [node] => format!("{node}: {conjunct}"),
            nodes => {
                let nodes: Vec<String> = nodes.iter().map(Address::to_string).collect();
                format!("{}: {conjunct}", nodes.join(" and "))
            }
        }
    }
}

impl Predicate {
    /// The predicates whose conjunction this is: those that [`and`](Self::and) put together, else itself alone.
    ///
    /// ```
    /// use framework::Predicate;
    /// let name = |name: &str| Predicate::holds(name, |_| true);
    /// let goal = name("a leader").and(&name("an entry")).and(&name("committed")).named("progress");
    /// let names: Vec<String> = goal.conjuncts().iter().map(|part| part.name().to_owned()).collect();
    /// assert_eq!(names, ["a leader", "an entry", "committed"]);
    /// ```
    pub fn conjuncts(&self) -> Vec<Self> {
        match self.parts_of_and() {
            Some((a, b)) => a.conjuncts().into_iter().chain(b.conjuncts()).collect(),
            None => vec![self.clone()],
        }
    }

    /// Evaluates every part by itself: each conjunct of an [`and`](Self::and), and of a property of every node (or every
    /// two) each node (each two). It holds exactly where all parts do.
    ///
    /// # Panics
    ///
    /// Panics where a part does. That may be so where the whole does not: an `and` does not ask the second where the
    /// first fails.
    pub fn each_part(&self, view: &View<'_>) -> Vec<Part> {
        let mut found = Vec::new();
        for conjunct in self.conjuncts() {
            conjunct.for_each_part(view, &mut |about, outcome| {
                let mut outcome = outcome;
                if !outcome.holds && outcome.reason.is_empty() {
                    outcome.reason = format!("`{}` does not hold", conjunct.name());
                }
                found.push(Part { name: Part::name_of(conjunct.name(), about), outcome });
            });
        }
        found
    }

    /// Calls `visit` with the nodes that each part of one conjunct is about.
    fn for_each_part(&self, view: &View<'_>, visit: &mut dyn FnMut(&[Address], Outcome)) {
        match self.parts() {
            Parts::Whole => visit(&[], self.check(view)),
            Parts::EachNode(check) => {
                for node in view.addresses() {
                    if let Some(outcome) = check(view, node) {
                        visit(&[node], outcome);
                    }
                }
            }
            Parts::EachPair(check) => {
                let nodes: Vec<Address> = view.addresses().collect();
                for (i, a) in nodes.iter().enumerate() {
                    for b in &nodes[i + 1..] {
                        if let Some(outcome) = check(view, *a, *b) {
                            visit(&[*a, *b], outcome);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::time::Duration;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::predicate::PROGRESS_MAX;
    use crate::{AnyNode, Context, Durable, Envelope, Node, PendingTimer, Source};

    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Server(u32);

    impl Node for Server {
        type Message = ();
        type Timer = ();
        fn init(&mut self, ctx: &mut Context<(), ()>) {
            ctx.set_timer((), Duration::ZERO);
        }
        fn on_message(&mut self, _: Address, (): (), _: &mut Context<(), ()>) {}
        fn on_timer(&mut self, (): (), _: &mut Context<(), ()>) {}
    }

    struct Servers(Vec<Server>);

    impl Source for Servers {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn address(&self, i: usize) -> Address {
            Address::server(u16::try_from(i + 1).unwrap())
        }
        fn node(&self, i: usize) -> &dyn AnyNode {
            &self.0[i]
        }
        fn timers(&self, _: usize) -> &[PendingTimer] {
            &[]
        }
        fn durable(&self, _: usize) -> Option<&Durable> {
            None
        }
        fn messages(&self, _: &mut dyn FnMut(&Envelope) -> ControlFlow<()>) {}
    }

    fn goal() -> Predicate {
        let large = Predicate::for_each("large", |_, server: &Server| match server.0 {
            n if n >= 4 => Outcome::holds(),
            n => Outcome::fails(format!("only {n}")).so_far(n as usize, 4),
        });
        type One<'a> = (Address, &'a Server);
        let differ = Predicate::for_each_pair("differ", |a: One<'_>, b: One<'_>| (a.1.0 != b.1.0).into());
        large.and(&differ).and(&Predicate::holds("two", |view| view.addresses().count() == 2))
    }

    #[test]
    fn every_part_is_named_and_says_what_is_missing() {
        let servers = Servers(vec![Server(4), Server(1), Server(1)]);
        let parts = goal().each_part(&View::new(&servers));
        let texts: Vec<String> =
            parts.iter().map(|part| format!("{} [{}]", part.name, part.outcome.reason())).collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        server1: large []
        server2: large [only 1]
        server3: large [only 1]
        server1 and server2: differ []
        server1 and server3: differ []
        server2 and server3: differ [`differ` does not hold]
        two [`two` does not hold]
        ");
        assert_eq!(parts[1].outcome.progress(), PROGRESS_MAX / 4);
        assert_eq!((parts[0].outcome.progress(), parts[6].outcome.progress()), (PROGRESS_MAX, 0));
    }

    #[test]
    fn the_whole_holds_exactly_where_all_parts_do() {
        for numbers in 0..216_u32 {
            let servers: Vec<Server> =
                [numbers % 6, numbers / 6 % 6, numbers / 36].iter().map(|n| Server(*n)).collect();
            for count in 1..=3 {
                let servers = Servers(servers[..count].to_vec());
                let view = View::new(&servers);
                let all = goal().each_part(&view).iter().all(|part| part.outcome.is_ok());
                assert_eq!(goal().check(&view).is_ok(), all);
            }
        }
    }

    #[test]
    fn what_fails_is_never_quite_there() {
        assert_eq!(Outcome::fails("").so_far(7, 7).progress(), PROGRESS_MAX - 1);
        assert_eq!(Outcome::fails("").so_far(1, 0).progress(), 0);
        assert_eq!(Outcome::fails("").progress(), 0);
        assert_eq!(Outcome::holds().so_far(0, 7).progress(), PROGRESS_MAX);
    }
}
