//! Asks the lab's code, and makes steps and branches of the answers.

use crate::live::{Ask, Job, Performed, Reply, Splice, printed, way};
use crate::model::Model;
use crate::trace_file::{Happening, Step, TraceFile};

use super::live::{Preview, Then};
use super::{Done, Session};

impl Session {
    /// Asks something about the first `at` steps and maybe one more.
    pub(super) fn begin(
        &mut self,
        at: usize,
        next: Option<&Happening>,
        ask: Ask,
        then: Then,
    ) -> Result<Done, String> {
        let live = self.live.as_mut().ok_or("there is no code")?;
        let file = self.model.file();
        let (way, dropped) = way(file, &file.steps[..at], next, self.model.lost(at));
        let job = Job { setup: live.setup.clone(), way, from: at, dropped, ask };
        live.running = Some((live.engine.start(job), then));
        Ok(Done::default())
    }

    pub(super) fn finish(&mut self, performed: Performed) -> Option<Result<Done, String>> {
        let live = self.live.as_mut()?;
        let (_, then) = live.running.take()?;
        let prints = if live.told { Vec::new() } else { printed(&performed.printed) };
        live.told |= !prints.is_empty();
        let done = performed.reply.and_then(|reply| self.answered(reply, then));
        Some(done.map(|mut done| {
            let message = done.message.into_iter().chain(prints).collect::<Vec<_>>();
            done.message = (!message.is_empty()).then(|| message.join("; "));
            done
        }))
    }

    fn answered(&mut self, reply: Reply, then: Then) -> Result<Done, String> {
        match (then, reply) {
            (Then::Take { at } | Then::Preview { at, .. }, Reply::Ran { stuck: Some(stuck), .. }) => {
                // The way is as it was recorded, or the event is impossible.
                Err(if stuck.step > at {
                    format!("that cannot happen: {}", stuck.why)
                } else {
                    format!("step {} cannot happen again: {}", self.model.number(stuck.step), stuck.why)
                })
            }
            (Then::Take { at }, Reply::Ran { trace, .. }) => self.adopt(at, &trace),
            (Then::Preview { at, event, label }, Reply::Ran { trace, .. }) => {
                self.check_same(at, &trace)?;
                let model = Model::new(TraceFile::clone(&trace));
                let live = self.live.as_mut().ok_or("there is no code")?;
                live.preview = Some(Preview { step: at, label, event, trace, model });
                Ok(Done::default())
            }
            (Then::Search { at }, Reply::Found { trace, what }) => {
                self.check_same(at, &trace)?;
                if trace.steps.is_empty() {
                    return Ok(Done::said(format!("{what}: here already")));
                }
                let done = self.branch_from(at, &trace, None)?;
                Ok(Done::said(format!("{what}; {}", done.message.unwrap_or_default())))
            }
            (Then::Minimize, Reply::Found { trace, what }) => {
                let name = format!("{}.min", self.model.branch());
                let done = self.branch_from(0, &trace, Some(name))?;
                Ok(Done::said(format!("{what}; {}", done.message.unwrap_or_default())))
            }
            (Then::Orders, Reply::Orders(orders)) => {
                let changing = orders.iter().filter(|order| order.holds == Some(true)).count();
                let tried = crate::model::label::count(orders.len(), "other order");
                let live = self.live.as_mut().ok_or("there is no code")?;
                live.orders = orders;
                self.panel = super::Panel::Why;
                let (name, holds) = {
                    let why = self.why();
                    (why.predicate, why.holds)
                };
                let name = &self.model.predicates()[name].name;
                let message = match (holds, changing) {
                    (Some(false), 0) => format!("{tried} tried: `{name}` fails in each"),
                    (Some(false), some) => {
                        format!("{tried} tried: `{name}` holds in {some}; `orders 1` opens the first")
                    }
                    _ => format!("{tried} tried; `orders 1` opens the first"),
                };
                Ok(Done::said(message))
            }
            (_, Reply::Nothing(why)) => Ok(Done::said(why)),
            _ => Err("the process that runs the handlers answered another question".to_owned()),
        }
    }

    /// Takes over an event that has happened after the first `at` steps.
    pub(super) fn adopt(&mut self, at: usize, trace: &TraceFile) -> Result<Done, String> {
        self.check_same(at, trace)?;
        let live = self.live.as_mut().ok_or("there is no code")?;
        let branch = live.tree.branch();
        let forks = at < branch.len() || branch.recorded;
        if forks {
            self.keep_people();
            self.live.as_mut().ok_or("there is no code")?.tree.fork(at, None);
        }
        self.append(trace);
        self.jump_to(at + 1);
        let failed = self.model.step(at + 1).and_then(|step| step.fault.clone());
        Ok(match failed {
            Some(fault) => Done::said(fault),
            None if forks => Done::said(format!("branch {}; the other future is kept", self.model.branch())),
            None => Done::default(),
        })
    }

    /// Makes a branch of the first `at` steps and those of a trace, and goes to its end.
    pub(super) fn branch_from(
        &mut self,
        at: usize,
        trace: &TraceFile,
        name: Option<String>,
    ) -> Result<Done, String> {
        self.keep_people();
        let live = self.live.as_mut().ok_or("there is no code")?;
        let name = name.filter(|name| live.tree.named(name).is_none());
        live.tree.fork(at, name.as_deref());
        self.append(trace);
        self.jump_to(self.model.len());
        Ok(Done::said(format!("branch {}", self.model.branch())))
    }

    /// Puts the steps of an answer at the end of the branch.
    fn append(&mut self, trace: &TraceFile) {
        let mut steps: Vec<Step> = Vec::new();
        self.model.change(|file| {
            let mut splice = Splice::new(trace, file);
            steps = trace.steps.iter().map(|step| splice.step(step)).collect();
        });
        if let Some(live) = &mut self.live {
            live.tree.append(steps);
        }
        self.unsaved_steps = true;
        self.rebuild();
    }

    /// Whether an answer begins where the viewer thinks it does.
    fn check_same(&mut self, at: usize, trace: &TraceFile) -> Result<(), String> {
        let mut states = Vec::new();
        self.model.change(|file| {
            let mut splice = Splice::new(trace, file);
            states = trace.start.nodes.iter().map(|state| splice.state(state)).collect();
        });
        if trace.predicates != self.model.file().predicates || states.len() != self.model.nodes() {
            return Err("the lab checks something else than before; start again".to_owned());
        }
        match (0..states.len()).find(|node| states[*node] != *self.model.state(*node, at)) {
            None => Ok(()),
            Some(node) => Err(format!(
                "the same events led {} to another state this time, so a handler is not deterministic, or the code has \
                 changed; look for randomness, the clock, statics",
                self.model.address(node)
            )),
        }
    }
}
