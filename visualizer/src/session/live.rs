//! What a person can do where the lab's code is at hand: let things happen, see what would, search on, try other orders.

use crate::live::tree::Tree;
use crate::live::{Aim, Ask, Engine, Order, Running, Setup};
use crate::model::Model;
use crate::model::why::Why;
use crate::trace_file::{Happening, Interrupted, MessageId, TraceFile};

use super::action::Action;
use super::pending::Choice;
use super::{Done, Session};

/// After how many states a search is given up unless the person says otherwise.
const WITHIN: u64 = 1_000_000;
/// The same for an expression, which takes longer to evaluate.
const WITHIN_EXPRESSION: u64 = 50_000;

/// Everything that a session needs to go on.
#[derive(Debug)]
pub(crate) struct Live {
    pub(super) engine: Box<dyn Engine>,
    pub(super) setup: Setup,
    pub(super) tree: Tree,
    pub(super) running: Option<(Running, Then)>,
    pub(super) preview: Option<Preview>,
    pub(super) orders: Vec<Order>,
    /// Whether the person was told that nodes print.
    pub(super) told: bool,
}

/// What an event would do.
#[derive(Debug)]
pub struct Preview {
    /// The step that it would follow.
    pub step: usize,
    /// Which it is: `m2`, `t1` or a sentence.
    pub label: String,
    pub(super) event: Happening,
    pub(super) trace: Box<TraceFile>,
    /// The event as a trace of one step.
    pub model: Model,
}

/// What to do with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Take { at: usize },
    Preview { at: usize, event: Happening, label: String },
    Search { at: usize },
    Minimize,
    Orders,
}

impl Live {
    pub(crate) fn new(engine: Box<dyn Engine>, setup: Setup, tree: Tree) -> Self {
        Self { engine, setup, tree, running: None, preview: None, orders: Vec::new(), told: false }
    }

    /// Forgets what was about the branch as it was.
    pub(super) fn forget(&mut self) {
        self.preview = None;
        self.orders.clear();
    }
}

impl Session {
    /// A session that can go on, with the branch of the tree that is looked at. The file has all values of all branches.
    pub(crate) fn live(file: TraceFile, tree: Tree, engine: Box<dyn Engine>, setup: Setup) -> Self {
        let mut tree = tree;
        tree.lose(0, &file.start.lost);
        let mut session = Self::new(Model::along(file, String::new(), Vec::new()), None);
        session.live = Some(Live::new(engine, setup, tree));
        session.rebuild();
        session.move_to(0);
        session
    }

    /// Whether the lab's code is at hand.
    pub fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Whether an answer is still to come.
    pub fn is_busy(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.running.is_some())
    }

    /// What is being worked on, and how far that is.
    pub fn busy(&self) -> Option<String> {
        let (running, then) = self.live.as_ref()?.running.as_ref()?;
        let what = match then {
            Then::Take { .. } | Then::Preview { .. } => "the handler runs",
            Then::Search { .. } => "searching",
            Then::Minimize => "leaving steps out",
            Then::Orders => "trying other orders",
        };
        Some(format!("{what}: {}; Esc gives up", running.progress()))
    }

    /// Takes an answer if it has come; what came of it.
    pub fn poll(&mut self) -> Option<Result<Done, String>> {
        let (running, _) = self.live.as_ref()?.running.as_ref()?;
        let performed = running.poll()?;
        self.finish(performed)
    }

    /// Waits for the answer that is still to come, if there is one; what came of it.
    pub fn wait(&mut self) -> Option<Result<Done, String>> {
        let (running, _) = self.live.as_ref()?.running.as_ref()?;
        let performed = running.wait();
        self.finish(performed)
    }

    /// What an event would do at this step, if somebody asked last.
    pub fn preview(&self) -> Option<&Preview> {
        self.live.as_ref()?.preview.as_ref().filter(|preview| preview.step == self.step)
    }

    /// What came of other orders, if somebody asked.
    pub(crate) fn orders(&self) -> &[Order] {
        self.live.as_ref().map_or(&[], |live| &live.orders)
    }

    pub(super) fn can_live(&self, action: Action) -> Result<(), String> {
        let Some(live) = &self.live else {
            let file =
                self.path.as_ref().map_or_else(|| "FILE".to_owned(), |path| path.display().to_string());
            return Err(if self.model.file().is_of_a_lab() {
                format!("this is a saved trace; `cargo lab replay {file}` runs it again and can go on")
            } else {
                "this is a saved trace of no lab's system, so it cannot go on; in `cargo lab explore LAB` things can happen"
                    .to_owned()
            });
        };
        if action == Action::Stop {
            return if live.running.is_some() {
                Ok(())
            } else {
                Err("nothing is being worked on".to_owned())
            };
        }
        if live.running.is_some() {
            return Err("the answer before is still to come; `stop` gives it up".to_owned());
        }
        let happens = matches!(
            action,
            Action::Deliver
                | Action::Fire
                | Action::Duplicate
                | Action::Crash
                | Action::Restart
                | Action::Preview
        );
        if happens && self.model.step(self.step).is_some_and(|step| step.fault.is_some()) {
            return Err(
                "a handler failed here, so nothing follows; go back a step and do something else".to_owned()
            );
        }
        Ok(())
    }

    pub(super) fn act_live(&mut self, action: Action, argument: &str) -> Result<Done, String> {
        match action {
            Action::Deliver => {
                let event = self.chosen(argument, 'm')?.event(&self.model);
                self.take(event)
            }
            Action::Fire => {
                let event = self.chosen(argument, 't')?.event(&self.model);
                self.take(event)
            }
            Action::Duplicate => {
                let message = if argument.is_empty() {
                    let arrived = self.model.step(self.step).and_then(|step| step.event.message());
                    arrived.ok_or("no message arrives in this step; say which: `duplicate m2`")?
                } else {
                    self.chosen(argument, 'm')?.message().ok_or("a timer cannot be duplicated")?
                };
                self.take(Happening::Deliver { message })
            }
            Action::Crash => self.crash(argument),
            Action::Restart => {
                let node = if argument.is_empty() { self.node } else { self.node_named(argument)? };
                self.take(Happening::Restart { node: self.model.address(node).to_owned() })
            }
            Action::Drop => self.lose(argument),
            Action::Preview => {
                let choice = self.chosen(argument, 'a')?;
                let (event, label) = (choice.event(&self.model), choice.label.clone());
                self.look_ahead(event, label)
            }
            Action::Stop => {
                if let Some((running, _)) = self.live.as_ref().and_then(|live| live.running.as_ref()) {
                    running.cancel();
                }
                Ok(Done::said("asked to come to an end"))
            }
            Action::Resume => self.search_from_here(argument),
            Action::Minimize => {
                let predicate = self.model.predicates()[self.predicate].name.clone();
                self.begin(self.model.len(), None, Ask::Minimize { predicate }, Then::Minimize)
            }
            Action::Orders => self.try_orders(argument),
            other => self.act_on_branches(other, argument),
        }
    }

    /// The choice that is meant: `m2`, `t1`, or a number. A number alone counts what `kind` says, or everything.
    fn chosen(&self, argument: &str, kind: char) -> Result<Choice, String> {
        let choices = self.choices();
        let wanted = argument.trim();
        let wanted = if wanted.is_empty() && choices.len() == 1 {
            choices[0].label.clone()
        } else {
            wanted.to_owned()
        };
        let known = || {
            let labels: Vec<&str> = choices.iter().map(|choice| choice.label.as_str()).collect();
            if labels.is_empty() {
                "nothing is pending here".to_owned()
            } else {
                format!("pending here are {}", labels.join(", "))
            }
        };
        if wanted.is_empty() {
            return Err(format!("say which; {}", known()));
        }
        let number = wanted.parse::<usize>().ok();
        let found = match number {
            Some(number) if kind == 'a' => number.checked_sub(1).and_then(|place| choices.get(place)),
            Some(number) => choices.iter().find(|choice| choice.label == format!("{kind}{number}")),
            None => choices.iter().find(|choice| choice.label == wanted),
        };
        let meant = match number {
            Some(number) if kind != 'a' => format!("{kind}{number}"),
            _ => wanted,
        };
        let choice = found.cloned().ok_or_else(|| format!("there is no `{meant}`; {}", known()))?;
        match &choice.blocked {
            Some(why) => Err(format!("{} cannot happen now: {why}", choice.label)),
            None => Ok(choice),
        }
    }

    /// Lets an event happen after the step that is looked at. What somebody has let happen there before is gone to.
    fn take(&mut self, event: Happening) -> Result<Done, String> {
        let at = self.step;
        let live = self.live.as_mut().ok_or("there is no code")?;
        if let Some(branch) = live.tree.taken(at, &event) {
            let other = branch != live.tree.current();
            self.switch_to(branch);
            self.jump_to(at + 1);
            let where_to =
                if other { format!("; this is branch {}", self.model.branch()) } else { String::new() };
            return Ok(Done::said(format!("that has happened here before{where_to}")));
        }
        if let Some(preview) = live.preview.take_if(|preview| preview.step == at && preview.event == event) {
            return self.adopt(at, &preview.trace);
        }
        self.begin(at, Some(&event), Ask::Run, Then::Take { at })
    }

    fn look_ahead(&mut self, event: Happening, label: String) -> Result<Done, String> {
        self.panel = super::Panel::Pending;
        let at = self.step;
        let then = Then::Preview { at, event: event.clone(), label };
        self.begin(at, Some(&event), Ask::Run, then)
    }

    /// `NODE`, or `NODE m2` for a crash while it handles that, before its first or another call of `persist`.
    fn crash(&mut self, argument: &str) -> Result<Done, String> {
        let mut words = argument.split_whitespace();
        let node = words.next().map_or(Ok(self.node), |name| self.node_named(name))?;
        let node = self.model.address(node).to_owned();
        let during = match words.next() {
            None => None,
            Some(label) => {
                let choice = self.chosen(label, 'm')?;
                let persist = match words.next() {
                    None => 0,
                    Some(word) => {
                        let number = word.parse::<u32>().ok().and_then(|number| number.checked_sub(1));
                        number.ok_or_else(|| {
                            format!("`{word}` is not the number of a call of `persist`, from 1")
                        })?
                    }
                };
                let event = choice.event(&self.model);
                if self.model.file().node_of(&event) != node {
                    return Err(format!("{label} is not for {node}"));
                }
                Some(Interrupted { event: Box::new(event), persist })
            }
        };
        self.take(Happening::Crash { node, during })
    }

    fn lose(&mut self, argument: &str) -> Result<Done, String> {
        let argument = argument.trim();
        let (at, file) = (self.step, self.model.file());
        let message = match argument.strip_prefix('x').and_then(|number| number.parse::<usize>().ok()) {
            // A lost one is found again by its number among the lost.
            Some(number) => {
                let lost = self.lost();
                let message = number.checked_sub(1).and_then(|place| lost.get(place)).copied();
                message
                    .ok_or_else(|| format!("there is no `{argument}`; lost are {} messages", lost.len()))?
            }
            None => {
                let message = self.chosen(argument, 'm')?.message();
                message.ok_or("only messages can be lost; a timer that shall not fire is just not fired")?
            }
        };
        let text = self.model.full(file.messages[message as usize].value, 60);
        let known = self.lost().contains(&message);
        self.keep_people();
        let live = self.live.as_mut().ok_or("there is no code")?;
        let said = if known {
            live.tree.find_again(at, message);
            format!("{text} is in the network again")
        } else {
            live.tree.lose(at, &[message]);
            format!("{text} is lost from here on, also for searches; a node may send it again")
        };
        self.unsaved_steps = true;
        self.rebuild();
        Ok(Done::said(said))
    }

    /// The messages that are lost at this step, in the order of their numbers.
    pub(crate) fn lost(&self) -> Vec<MessageId> {
        self.model.lost(self.step)
    }

    fn search_from_here(&mut self, argument: &str) -> Result<Done, String> {
        let (text, within) = match argument.rsplit_once(" within ") {
            Some((text, number)) => (text.trim(), Some(crate::amount::count(number.trim())?)),
            None => (argument.trim(), None),
        };
        let aim = match text {
            "goal" => Aim::Goal,
            "violation" => Aim::Violation,
            "" => {
                return Err(
                    "say what to look for: `goal`, `violation`, or an expression such as `s1.term > 2`"
                        .to_owned(),
                );
            }
            expression => {
                crate::model::watch::Watch::parse(expression)?;
                Aim::Expression(expression.to_owned())
            }
        };
        let usual = if matches!(aim, Aim::Expression(_)) { WITHIN_EXPRESSION } else { WITHIN };
        let ask = Ask::Search { aim, within: within.unwrap_or(usual) };
        self.begin(self.step, None, ask, Then::Search { at: self.step })
    }

    fn try_orders(&mut self, argument: &str) -> Result<Done, String> {
        if !argument.is_empty() {
            let orders = self.orders();
            let number = argument.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let order = number.and_then(|place| orders.get(place)).cloned();
            let order = order.ok_or_else(|| {
                format!("there is no order `{argument}`; `orders` has tried {}", orders.len())
            })?;
            return self.branch_from(order.first - 1, &order.trace, None);
        }
        let why = self.why().clone();
        let races: Vec<(usize, usize)> = why.races.iter().map(|race| (race.first, race.second)).collect();
        let Why { step, predicate, .. } = why;
        let name = self.model.predicates()[predicate].name.clone();
        if races.is_empty() {
            return Err(format!(
                "no messages race before step {}, so there is no other order",
                self.model.number(step)
            ));
        }
        self.begin(step, None, Ask::Orders { races, predicate: name }, Then::Orders)
    }
}
