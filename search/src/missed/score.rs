//! Counts the parts of a goal that hold in a state, remembering the answers by what they look at.

use ahash::AHashMap;
use framework::predicate::{PROGRESS_MAX, Part};
use framework::{Address, Outcome, Parts, Predicate, View};

use crate::guard;
use crate::properties::WholeMemory;
use crate::space::{ComponentId, LocalId, Space};

/// How near a state is to a goal. Less is nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Distance {
    /// The parts that do not hold.
    pub(crate) missing: u32,
    /// How far those are from holding, in millionths, all together.
    pub(crate) left: u64,
}

/// A part of a goal: its conjunct, by number, and the nodes it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartOf {
    conjunct: usize,
    about: Vec<usize>,
}

/// What is known of a part in some state: [`ABSENT`], or its progress.
type Answer = u32;

/// The part is about a node that is none of those that the predicate is about, or that is down.
const ABSENT: Answer = u32::MAX;

/// Answers about two nodes are forgotten when there are so many.
const PAIRS_MAX: usize = 1 << 20;

/// A goal, cut into its parts.
pub(crate) struct Goal {
    conjuncts: Vec<Predicate>,
    pub(crate) parts: Vec<PartOf>,
}

impl Goal {
    pub(crate) fn new(goal: &Predicate, nodes: usize) -> Self {
        let conjuncts = goal.conjuncts();
        let mut parts = Vec::new();
        for (conjunct, predicate) in conjuncts.iter().enumerate() {
            match predicate.parts() {
                Parts::Whole => parts.push(PartOf { conjunct, about: Vec::new() }),
                Parts::EachNode(_) => {
                    parts.extend((0..nodes).map(|i| PartOf { conjunct, about: vec![i] }));
                }
                Parts::EachPair(_) => {
                    let pairs = (0..nodes).flat_map(|i| (i + 1..nodes).map(move |j| vec![i, j]));
                    parts.extend(pairs.map(|about| PartOf { conjunct, about }));
                }
            }
        }
        Self { conjuncts, parts }
    }

    /// The name of a part.
    pub(crate) fn name(&self, part: &PartOf, addresses: &[Address]) -> String {
        let about: Vec<Address> = part.about.iter().map(|i| addresses[*i]).collect();
        Part::name_of(self.conjuncts[part.conjunct].name(), &about)
    }

    /// What a part says of a state; `None` if it says nothing. A part that panics fails: where it is asked by itself,
    /// nothing that comes before it in an `and` guards it.
    pub(crate) fn outcome(&self, part: &PartOf, view: &View<'_>, addresses: &[Address]) -> Option<Outcome> {
        let predicate = &self.conjuncts[part.conjunct];
        let evaluated = guard::catch(|| match (predicate.parts(), &part.about[..]) {
            (Parts::EachNode(check), [i]) => check(view, addresses[*i]),
            (Parts::EachPair(check), [i, j]) => check(view, addresses[*i], addresses[*j]),
            _ => Some(predicate.explained(view)),
        });
        evaluated.unwrap_or_else(|panic| Some(Outcome::fails(format!("it panicked: {}", panic.text))))
    }
}

/// What one part remembers.
enum Memory {
    Whole(WholeMemory<Answer>),
    Node(AHashMap<LocalId, Answer>),
    Pair(AHashMap<(LocalId, LocalId), Answer>),
}

/// Scores states for one thread.
pub(crate) struct Scorer<'g> {
    goal: &'g Goal,
    memories: Vec<Memory>,
    /// In how many states each part was there, and in how many it held.
    pub(crate) counts: Vec<(u64, u64)>,
    key: Vec<LocalId>,
}

impl<'g> Scorer<'g> {
    pub(crate) fn new(goal: &'g Goal) -> Self {
        let memory = |part: &PartOf| match part.about.len() {
            0 => Memory::Whole(WholeMemory::default()),
            1 => Memory::Node(AHashMap::new()),
            _ => Memory::Pair(AHashMap::new()),
        };
        Self {
            goal,
            memories: goal.parts.iter().map(memory).collect(),
            counts: vec![(0, 0); goal.parts.len()],
            key: Vec::new(),
        }
    }

    /// How near a state is to the goal.
    pub(crate) fn distance(&mut self, space: &Space, ids: &[ComponentId]) -> Distance {
        let mut distance = Distance { missing: 0, left: 0 };
        for number in 0..self.goal.parts.len() {
            let answer = self.answer(number, space, ids);
            if answer == ABSENT {
                continue;
            }
            let counts = &mut self.counts[number];
            counts.0 += 1;
            if answer == PROGRESS_MAX {
                counts.1 += 1;
            } else {
                distance.missing += 1;
                distance.left += u64::from(PROGRESS_MAX - answer);
            }
        }
        distance
    }

    fn answer(&mut self, number: usize, space: &Space, ids: &[ComponentId]) -> Answer {
        let part = &self.goal.parts[number];
        let local = |place: usize| space.local_of(part.about[place], ids[part.about[place]]);
        let evaluate = |view: &View<'_>| {
            let outcome = self.goal.outcome(part, view, &space.addresses);
            outcome.map_or(ABSENT, |outcome| outcome.progress())
        };
        let state = space.state_ref(ids);
        match &mut self.memories[number] {
            Memory::Node(known) => *known.entry(local(0)).or_insert_with(|| evaluate(&View::new(&state))),
            Memory::Pair(known) => {
                if known.len() >= PAIRS_MAX {
                    known.clear();
                }
                *known.entry((local(0), local(1))).or_insert_with(|| evaluate(&View::new(&state)))
            }
            Memory::Whole(known) => known.answer_or(&mut self.key, space, ids, || {
                let view = View::new(&state);
                (evaluate(&view), view.read_set())
            }),
        }
    }
}
