//! A ring of nodes whose timers have ranges of lengths: it tests which timers may fire, and in which order they queue.
//!
//! Its counts come from DSLabs (emichael/dslabs 49c4a1f), which ran the same nodes.

use std::time::Duration;

use framework::{Address, Context, Node, Outcome, Predicate, System};
use serde::{Deserialize, Serialize};

use crate::add;

/// `nodes` equal nodes, `node1`, `node2`, and so on; each handles each of its timers `limit` times.
///
/// | `nodes` | `limit` | distinct states |
/// |---|---|---|
/// | 1 | 1 | 5 |
/// | 1 | 2 | 20 |
/// | 1 | 3 | 75 |
/// | 2 | 1 | 64 |
/// | 2 | 2 | 1,936 |
pub fn system(nodes: u16, limit: u32) -> System {
    let mut system = System::new();
    for number in 1..=nodes {
        let next = (nodes > 1).then(|| address(number % nodes + 1));
        add(&mut system, address(number), Member { next, limit, a: 0, b: 0, c: 0, t: 0 });
    }
    system
}

/// Invariant: no node has heard of more `A` timers than fired at the node before it.
pub fn ticks_are_true() -> Predicate {
    Predicate::new("ticks are true", |view| {
        for (address, member) in view.nodes::<Member>() {
            let Some((next, heard)) = member.next.and_then(|next| Some((next, view.node::<Member>(next)?.t)))
            else {
                continue;
            };
            if heard > member.a {
                let reason = format!("{next} heard of tick {heard}, but {address} is at {}", member.a);
                return Outcome::fails(reason).blaming(next, "t").blaming(address, "a");
            }
        }
        Outcome::holds()
    })
}

/// Goal: every timer of every node has fired as often as it may.
pub fn all_spent() -> Predicate {
    Predicate::new("all timers are spent", |view| {
        for (address, member) in view.nodes::<Member>() {
            for (name, count) in [("a", member.a), ("b", member.b), ("c", member.c)] {
                // A limit of 0 still lets the timers set by `init` fire once.
                if count < member.limit.max(1) {
                    let reason = format!("{address} handled timer {name} {count} of {} times", member.limit);
                    return Outcome::fails(reason).blaming(address, name);
                }
            }
        }
        Outcome::holds()
    })
}

/// Tells the next node how often `A` fired at the sender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tick(pub u32);

/// The three timers of each node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// 10 to 20 ms: overlaps with `B`, and is certain to fire before the first `C`.
    A,
    /// Exactly 15 ms.
    B,
    /// 25 to 40 ms at first, then 5 to 12 ms: one that was set last and fires first.
    C,
}

/// A node of the ring.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Who gets its ticks; nobody in a ring of one. Never changes.
    pub next: Option<Address>,
    /// How often it sets each timer. Never changes.
    pub limit: u32,
    /// How often timer `A` fired.
    pub a: u32,
    /// How often timer `B` fired.
    pub b: u32,
    /// How often timer `C` fired.
    pub c: u32,
    /// The largest tick it heard of.
    pub t: u32,
}

impl Node for Member {
    type Message = Tick;
    type Timer = Timer;

    fn init(&mut self, ctx: &mut Context<Tick, Timer>) {
        ctx.set_timer(Timer::A, millis(10)..=millis(20));
        ctx.set_timer(Timer::B, millis(15));
        ctx.set_timer(Timer::C, millis(25)..=millis(40));
    }

    fn on_message(&mut self, _: Address, Tick(number): Tick, _: &mut Context<Tick, Timer>) {
        self.t = self.t.max(number);
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Tick, Timer>) {
        match timer {
            Timer::A => {
                self.a += 1;
                if self.a < self.limit {
                    ctx.set_timer(Timer::A, millis(10)..=millis(20));
                }
                if let Some(next) = self.next {
                    ctx.send(next, Tick(self.a));
                }
            }
            Timer::B => {
                self.b += 1;
                if self.b < self.limit {
                    ctx.set_timer(Timer::B, millis(15));
                }
            }
            Timer::C => {
                self.c += 1;
                if self.c < self.limit {
                    ctx.set_timer(Timer::C, millis(5)..=millis(12));
                }
            }
        }
    }
}

fn address(number: u16) -> Address {
    Address::numbered("node", number)
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}
