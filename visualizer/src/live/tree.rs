//! The branches that were explored: steps that share their beginnings.

use std::collections::BTreeSet;

use crate::trace_file::{
    Finding, Happening, Mark, MessageId, Note, PredicateInfo, PredicateKind, Step, TraceFile, Truth,
};

/// The word for a branch that shows nothing yet, in [`Finding::kind`].
pub(crate) const EXPLORED: &str = "explored";

/// A step that happened, after the one before it.
#[derive(Clone, Debug)]
struct Node {
    /// The one before; nothing for the first.
    before: Option<usize>,
    step: Step,
}

/// A way from the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Branch {
    /// Its name; no two have the same.
    pub(crate) name: String,
    /// Its steps.
    path: Vec<usize>,
    /// Where one was in it.
    pub(crate) at: usize,
    /// Whether it is as a file has it, and does not run with today's code.
    pub(crate) recorded: bool,
    pub(crate) notes: Vec<Note>,
    pub(crate) marks: Vec<Mark>,
}

impl Branch {
    /// The number of its steps.
    pub(crate) fn len(&self) -> usize {
        self.path.len()
    }

    /// How many steps it has in common with another.
    pub(crate) fn shared(&self, other: &Self) -> usize {
        self.path.iter().zip(&other.path).take_while(|(a, b)| a == b).count()
    }
}

/// All branches. There is always one, and one of them is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    branches: Vec<Branch>,
    current: usize,
    /// The messages that somebody lost at the start.
    lost: Vec<MessageId>,
}

impl Tree {
    /// A tree with one branch.
    pub(crate) fn new(name: &str, steps: Vec<Step>) -> Self {
        let branch = Branch { name: name.to_owned(), ..Branch::default() };
        let mut tree = Self { nodes: Vec::new(), branches: vec![branch], current: 0, lost: Vec::new() };
        tree.append(steps);
        tree
    }

    pub(crate) fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// The number of the branch that is looked at.
    pub(crate) fn current(&self) -> usize {
        self.current
    }

    pub(crate) fn branch(&self) -> &Branch {
        &self.branches[self.current]
    }

    pub(crate) fn branch_mut(&mut self) -> &mut Branch {
        &mut self.branches[self.current]
    }

    /// The branch with a name.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.branches.iter().position(|branch| branch.name == name)
    }

    pub(crate) fn switch(&mut self, to: usize) {
        self.current = to.min(self.branches.len() - 1);
    }

    /// The steps of a branch.
    pub(crate) fn steps(&self, branch: usize) -> Vec<Step> {
        self.branches[branch].path.iter().map(|node| self.nodes[*node].step.clone()).collect()
    }

    /// Puts steps at the end of the branch that is looked at. A step that somebody has taken from there is taken again,
    /// whatever was lost after it.
    pub(crate) fn append(&mut self, steps: Vec<Step>) {
        for step in steps {
            let before = self.branch().path.last().copied();
            let is_it = |known: &Step| *known == Step { lost: known.lost.clone(), ..step.clone() };
            let known = (0..self.nodes.len())
                .find(|node| self.nodes[*node].before == before && is_it(&self.nodes[*node].step));
            let node = known.unwrap_or_else(|| {
                self.nodes.push(Node { before, step });
                self.nodes.len() - 1
            });
            self.branch_mut().path.push(node);
        }
    }

    /// Makes a branch of the first steps of the one that is looked at, and looks at that.
    pub(crate) fn fork(&mut self, at: usize, name: Option<&str>) {
        let from = self.branch();
        let path = from.path[..at.min(from.path.len())].to_vec();
        let notes = from.notes.iter().filter(|note| note.step <= at).cloned().collect();
        let marks = from.marks.iter().filter(|mark| mark.step <= at).cloned().collect();
        let name = name.map_or_else(|| self.free_name(), str::to_owned);
        self.branches.push(Branch { name, path, at, recorded: false, notes, marks });
        self.current = self.branches.len() - 1;
    }

    /// A name for a branch from the one that is looked at: `main.1`.
    fn free_name(&self) -> String {
        let stem = self.branch().name.split('.').next().unwrap_or_default().to_owned();
        let stem = if self.branch().recorded { "main".to_owned() } else { stem };
        let mut names = (1..).map(|number: u32| format!("{stem}.{number}"));
        names.find(|name| self.named(name).is_none()).unwrap_or(stem)
    }

    /// Takes a branch away; there must be others. Steps that no other has are gone with it.
    pub(crate) fn remove(&mut self, branch: usize) {
        self.branches.remove(branch);
        if self.current > branch || self.current == self.branches.len() {
            self.current = self.current.saturating_sub(1);
        }
        self.sweep();
    }

    /// Forgets steps that are on no branch.
    fn sweep(&mut self) {
        let used: BTreeSet<usize> =
            self.branches.iter().flat_map(|branch| branch.path.iter().copied()).collect();
        let place = |node: &usize| used.range(..node).count();
        let nodes = used.iter().map(|node| {
            let mut kept = self.nodes[*node].clone();
            kept.before = kept.before.as_ref().map(place);
            kept
        });
        let nodes = nodes.collect();
        for branch in &mut self.branches {
            branch.path = branch.path.iter().map(place).collect();
        }
        self.nodes = nodes;
    }

    /// Where an event was done before after some steps of the branch that is looked at: the branch. This one first.
    pub(crate) fn taken(&self, at: usize, event: &Happening) -> Option<usize> {
        let here = &self.branch().path[..at.min(self.branch().path.len())];
        let does = |branch: &Branch| {
            !branch.recorded
                && branch.path.starts_with(here)
                && branch.path.get(at).is_some_and(|node| self.nodes[*node].step.event == *event)
        };
        if does(self.branch()) {
            return Some(self.current);
        }
        self.branches.iter().position(does)
    }

    /// The messages that somebody lost at the start.
    pub(crate) fn lost_at_start(&self) -> &[MessageId] {
        &self.lost
    }

    /// Loses messages after a step of the branch that is looked at.
    pub(crate) fn lose(&mut self, at: usize, messages: &[MessageId]) {
        let place = at.checked_sub(1).and_then(|i| self.branch().path.get(i).copied());
        let lost = place.map_or(&mut self.lost, |node| &mut self.nodes[node].step.lost);
        lost.extend(messages);
        lost.sort_unstable();
        lost.dedup();
    }

    /// Finds a message again after a step, wherever on the way it was lost.
    pub(crate) fn find_again(&mut self, at: usize, message: MessageId) {
        self.lost.retain(|lost| *lost != message);
        let path = self.branch().path.clone();
        for node in path.iter().take(at) {
            self.nodes[*node].step.lost.retain(|lost| *lost != message);
        }
    }

    /// What a branch shows.
    pub(crate) fn finding(&self, branch: usize, file: &TraceFile) -> Finding {
        let (predicates, start): (&[PredicateInfo], &[Truth]) = (&file.predicates, &file.start.truth);
        let steps: Vec<&Step> =
            self.branches[branch].path.iter().map(|node| &self.nodes[*node].step).collect();
        if let Some(step) = steps.last()
            && let Some(fault) = &step.fault
        {
            let kinds = [
                ("the handler panics: ", "handler-panicked"),
                ("the handler does not return: ", "handler-hung"),
                ("the handler ends the process: ", "handler-died"),
            ];
            let known = kinds.iter().find_map(|(text, kind)| Some((fault.strip_prefix(text)?, *kind)));
            let (reason, kind) = known.unwrap_or((fault, "nondeterministic"));
            let handler = match (step.event.message(), step.event.timer(), &step.event) {
                (Some(id), ..) => format!("on_message({})", file.messages[id as usize].kind),
                (None, Some(timer), _) => format!("on_timer({})", timer.kind),
                (None, None, Happening::Restart { .. }) => "recover".to_owned(),
                _ => "crash".to_owned(),
            };
            let name = format!("{handler} of {}", file.node_of(&step.event));
            return Finding { kind: kind.to_owned(), name, reason: reason.to_owned(), blame: Vec::new() };
        }
        let truths = || std::iter::once(start).chain(steps.iter().map(|step| step.truth.as_slice()));
        let is =
            |truth: &[Truth], i: usize, holds| truth.get(i).is_some_and(|t: &Truth| t.holds == Some(holds));
        for truth in truths() {
            for (i, asked) in predicates.iter().enumerate() {
                let must = matches!(asked.kind, PredicateKind::Invariant | PredicateKind::StepInvariant);
                if must && is(truth, i, false) {
                    let Truth { reason, blame, .. } = truth[i].clone();
                    return Finding { kind: "violated".to_owned(), name: asked.name.clone(), reason, blame };
                }
            }
        }
        let last = truths().last().unwrap_or_default();
        let goal = predicates
            .iter()
            .enumerate()
            .find(|(i, asked)| asked.kind == PredicateKind::Goal && is(last, *i, true));
        match goal {
            Some((_, goal)) => {
                Finding { kind: "goal-found".to_owned(), name: goal.name.clone(), ..Finding::default() }
            }
            None => Finding {
                kind: EXPLORED.to_owned(),
                name: "no handler fails".to_owned(),
                ..Finding::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(node: &str) -> Step {
        let event = Happening::Restart { node: node.to_owned() };
        Step::of(event)
    }

    fn names(tree: &Tree, branch: usize) -> String {
        let events = tree.steps(branch).into_iter().map(|step| match step.event {
            Happening::Restart { node } => node,
            _ => String::new(),
        });
        events.collect()
    }

    #[test]
    fn branches_share_their_beginning_and_outlive_each_other() {
        let mut tree = Tree::new("main", vec![step("a"), step("b"), step("c")]);
        tree.fork(1, None);
        tree.append(vec![step("d")]);
        tree.fork(2, Some("other"));
        tree.append(vec![step("e")]);
        let all: Vec<String> = (0..3).map(|branch| names(&tree, branch)).collect();
        assert_eq!(all, ["abc", "ad", "ade"]);
        let shared = |a: usize, b: usize| tree.branches()[a].shared(&tree.branches()[b]);
        assert_eq!((shared(0, 1), shared(1, 2), shared(0, 2)), (1, 2, 1));
        assert_eq!(
            tree.branches().iter().map(|b| b.name.as_str()).collect::<Vec<_>>(),
            ["main", "main.1", "other"]
        );
        assert_eq!(tree.taken(1, &step("b").event), Some(0));
        assert_eq!((tree.taken(2, &step("e").event), tree.taken(1, &step("x").event)), (Some(2), None));
        tree.remove(0);
        assert_eq!(
            (names(&tree, 0), names(&tree, 1), tree.current()),
            ("ad".to_owned(), "ade".to_owned(), 1)
        );
        assert_eq!((tree.nodes.len(), tree.branches()[0].shared(&tree.branches()[1])), (3, 2));
    }

    #[test]
    fn what_is_lost_belongs_to_the_step_and_not_to_the_branch() {
        let mut tree = Tree::new("main", vec![step("a"), step("b"), step("c")]);
        let lost = |tree: &Tree, branch| -> Vec<Vec<MessageId>> {
            tree.steps(branch).into_iter().map(|step| step.lost).collect()
        };
        tree.lose(1, &[7]);
        tree.lose(3, &[8, 7]);
        tree.lose(0, &[9]);
        assert_eq!((lost(&tree, 0), tree.lost_at_start()), (vec![vec![7], vec![], vec![7, 8]], &[9][..]));
        // The same steps again are those in which it was lost.
        tree.fork(0, None);
        tree.append(vec![step("a"), step("d")]);
        assert_eq!(lost(&tree, 1), [vec![7], vec![]]);
        tree.switch(0);
        tree.find_again(2, 7);
        assert_eq!(
            (lost(&tree, 0), lost(&tree, 1)),
            (vec![vec![], vec![], vec![7, 8]], vec![vec![], vec![]])
        );
        tree.find_again(0, 9);
        assert!(tree.lost_at_start().is_empty());
    }
}
