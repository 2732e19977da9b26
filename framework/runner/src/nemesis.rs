//! Random faults from a seed.

use std::ops::RangeInclusive;
use std::time::Duration;

use framework::Address;

use crate::chance::{Chance, Draw, Purpose, nanos};
use crate::clock::ClockRate;
use crate::schedule::{Action, Schedule};

/// Draws schedules of faults: which happen to whom, and when. After the last fault everything works again.
///
/// ```
/// use std::time::Duration;
///
/// use framework::Address;
/// use runner::Nemesis;
///
/// let servers: Vec<Address> = (1..=5).map(Address::server).collect();
/// let nemesis = Nemesis::new(servers).splits().crashes(2).every(Duration::from_secs(1)..=Duration::from_secs(3));
/// let schedule = nemesis.schedule(7, Duration::from_secs(30));
/// assert_eq!(schedule, nemesis.schedule(7, Duration::from_secs(30)));
/// assert!(schedule.len() >= 10);
/// ```
///
/// Source: Jepsen's nemesis.
#[derive(Clone, Debug)]
pub struct Nemesis {
    nodes: Vec<Address>,
    faults: Vec<Fault>,
    down_max: usize,
    clock_rates: (f64, f64),
    pause: (u64, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Split,
    Isolate,
    CutLink,
    Crash,
    ClockRate,
}

impl Nemesis {
    /// Faults happen to these nodes only; none do until a kind of faults is added. They come every one to three seconds.
    pub fn new(nodes: impl IntoIterator<Item = Address>) -> Self {
        let pause = (1_000_000_000, 3_000_000_000);
        Self {
            nodes: nodes.into_iter().collect(),
            faults: Vec::new(),
            down_max: 0,
            clock_rates: (1.0, 1.0),
            pause,
        }
    }

    /// How long it is from one fault to the next.
    #[must_use]
    pub fn every(mut self, pause: RangeInclusive<Duration>) -> Self {
        let least = nanos(*pause.start()).max(1);
        self.pause = (least, nanos(*pause.end()).max(least));
        self
    }

    #[must_use]
    fn with(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Splits the nodes into two groups at random, or heals the network. Other nodes keep all their links.
    #[must_use]
    pub fn splits(self) -> Self {
        self.with(Fault::Split)
    }

    /// Cuts one node off, or heals the network.
    #[must_use]
    pub fn isolations(self) -> Self {
        self.with(Fault::Isolate)
    }

    /// Cuts one direction of a link, or heals the network.
    #[must_use]
    pub fn one_way_cuts(self) -> Self {
        self.with(Fault::CutLink)
    }

    /// Crashes a node, or restarts one; at most `down_max` are down at once.
    #[must_use]
    pub fn crashes(mut self, down_max: usize) -> Self {
        self.down_max = down_max;
        self.with(Fault::Crash)
    }

    /// Lets the clock of a node run at another rate, between these.
    ///
    /// # Panics
    ///
    /// Panics unless the rates are from 0.01 to 100.
    #[must_use]
    pub fn clock_rates(mut self, rates: RangeInclusive<f64>) -> Self {
        let (least, most) = (ClockRate::from(*rates.start()), ClockRate::from(*rates.end()));
        self.clock_rates = (least.into(), most.into());
        self.with(Fault::ClockRate)
    }

    /// The faults of one seed in this time. At its end all links work, all nodes run and all clocks are exact.
    pub fn schedule(&self, seed: u64, length: Duration) -> Schedule {
        let chance = Chance::new(seed);
        let (mut entries, mut down, mut time) = (Vec::new(), Vec::new(), 0_u64);
        if !self.faults.is_empty() && !self.nodes.is_empty() {
            for number in 0.. {
                let draw = |what| chance.draw(Purpose::Nemesis, [number, what, 0]);
                time = time.saturating_add(draw(0).between(self.pause.0, self.pause.1));
                if time >= nanos(length) {
                    break;
                }
                if let Some(action) = self.fault(&draw, &mut down) {
                    entries.push((Duration::from_nanos(time), action));
                }
            }
        }
        entries.push((length, Action::Heal));
        let slow = entries.iter().any(|(_, action)| matches!(action, Action::ClockRate { .. }));
        for node in &self.nodes {
            if down.contains(node) {
                entries.push((length, Action::Restart(*node)));
            }
            if slow {
                entries.push((length, Action::ClockRate { node: *node, rate: ClockRate::EXACT }));
            }
        }
        entries.into_iter().collect()
    }

    fn fault(&self, draw: &dyn Fn(u64) -> Draw, down: &mut Vec<Address>) -> Option<Action> {
        let node = *pick(&self.nodes, draw(1))?;
        let others: Vec<Address> = self.nodes.iter().copied().filter(|other| *other != node).collect();
        let heals = draw(2).below(4) == 0;
        Some(match pick(&self.faults, draw(3))? {
            Fault::Split | Fault::Isolate | Fault::CutLink if heals => Action::Heal,
            Fault::Split => {
                // The two that are picked are on different sides, so both sides have a node; for the rest a coin is tossed.
                let other = *pick(&others, draw(4))?;
                let coins = draw(5).between(0, u64::MAX);
                let with_node = |i: usize, address: Address| {
                    address == node || address != other && coins >> (i % 64) & 1 == 1
                };
                let (first, second): (Vec<_>, Vec<_>) =
                    self.nodes.iter().enumerate().partition(|(i, address)| with_node(*i, **address));
                let side =
                    |side: Vec<(usize, &Address)>| side.into_iter().map(|(_, a)| *a).collect::<Vec<_>>();
                Action::Split(vec![side(first), side(second)])
            }
            Fault::Isolate => Action::Isolate(node),
            Fault::CutLink => Action::CutLink { from: node, to: *pick(&others, draw(4))? },
            Fault::Crash => {
                let restarts = down.len() >= self.down_max || !down.is_empty() && draw(4).below(2) == 0;
                if restarts {
                    let restarted = *pick(down, draw(5))?;
                    down.retain(|node| *node != restarted);
                    Action::Restart(restarted)
                } else {
                    let up: Vec<Address> =
                        self.nodes.iter().copied().filter(|node| !down.contains(node)).collect();
                    let crashed = *pick(&up, draw(5))?;
                    down.push(crashed);
                    Action::Crash(crashed)
                }
            }
            Fault::ClockRate => {
                let (least, most) = self.clock_rates;
                #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
                let share = draw(4).between(0, 1000) as f64 / 1000.0;
                Action::ClockRate { node, rate: (least + (most - least) * share).into() }
            }
        })
    }
}

fn pick<T>(from: &[T], draw: Draw) -> Option<&T> {
    from.get(usize::try_from(draw.below(from.len() as u64)).ok()?)
}
