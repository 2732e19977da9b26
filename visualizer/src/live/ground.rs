//! The system that a job is about, and the states of the way through it.

use std::ffi::OsString;

use framework::{Address, Event, Lab, Scenario};
use search::{CancelToken, Delivery, Faults, HandlerFault, Settings, State, StepError};

use super::resolve::Resolver;
use super::{Job, Setup, Stuck};
use crate::options;
use crate::record::{Asked, network};
use crate::set_up;
use crate::trace_file::{Network, Options, Origin, TraceFile};

/// A system that is ready to run.
pub(super) struct Ground {
    pub(super) scenario: Scenario,
    pub(super) asked: Asked,
    pub(super) delivery: Delivery,
    faults: Faults,
    pub(super) start: State,
    pub(super) origin: Origin,
}

/// A way that was walked again.
pub(super) struct Walk {
    /// The state before the first event, and the one after each.
    pub(super) states: Vec<State>,
    /// The events that happened.
    pub(super) events: Vec<Event>,
    /// The event whose handler failed, and how; nothing comes after it.
    pub(super) failed: Option<(Event, StepError)>,
    /// The event that could not happen; nothing comes after it.
    pub(super) stuck: Option<Stuck>,
}

impl Walk {
    /// Where it ends.
    pub(super) fn end(&self) -> &State {
        self.states.last().expect("there is a state before the first event")
    }
}

impl Ground {
    pub(super) fn build(lab: &dyn Lab, setup: &Setup) -> Result<Self, String> {
        let (options, command, switches, network) = match setup {
            Setup::Arguments(args) => {
                let args: Vec<OsString> = args.iter().map(OsString::from).collect();
                let request = options::parse_explore(lab, &args).map_err(|error| error.to_string())?;
                (request.lab, request.command, Some(request.switches), None)
            }
            Setup::Trace { options, network } => (options.clone().into(), String::new(), None, Some(network)),
        };
        let mut options = options;
        for own in lab.options() {
            options.own.entry(own.name.to_owned()).or_insert_with(|| own.default.to_owned());
        }
        let scenario = set_up::scenario(lab, &options).map_err(|error| error.to_string())?;
        let nodes: Vec<Address> = scenario.system.nodes().map(|(address, _)| address).collect();
        if nodes.len() > search::NODES_MAX {
            return Err(format!(
                "{} nodes are too many: at most {} can be run",
                nodes.len(),
                search::NODES_MAX
            ));
        }
        let (delivery, faults) = match (switches, network) {
            (Some(switches), _) => {
                let (delivery, _notes) = switches.delivery(&nodes).map_err(|error| error.to_string())?;
                (delivery, switches.faults())
            }
            (None, network) => (network.map_or_else(Delivery::default, delivery_of), Faults::default()),
        };
        let start = State::initial(&scenario.system).map_err(|error| error.to_string())?;
        let asked = Asked {
            invariants: scenario.invariants.clone(),
            step_invariants: scenario.step_invariants.clone(),
            monitors: scenario.monitors.clone(),
            goals: scenario.goals.clone(),
            prunes: Vec::new(),
        };
        let options = Options {
            servers: options.servers,
            clients: options.clients,
            workload: options.workload,
            seed: options.seed,
            own: options.own,
        };
        let origin = Origin { lab: lab.name().to_owned(), command, options, rust: lab.rust_name() };
        Ok(Self { scenario, asked, delivery, faults, start, origin })
    }

    /// What is switched off, as a trace file says it.
    pub(super) fn network(&self) -> Network {
        network(&self.delivery, self.start.addresses())
    }

    /// The settings of a search that may do what this ground allows, and looks for nothing yet.
    pub(super) fn settings(&self, cancel: &CancelToken) -> Settings {
        Settings {
            delivery: self.delivery.clone(),
            faults: self.faults.clone(),
            cancel: cancel.clone(),
            explain_missed: false,
            ..Settings::default()
        }
    }

    /// Lets the events of a job's way happen again, with the earlier stages before them.
    pub(super) fn walk(&self, job: &Job) -> Result<Walk, String> {
        self.check_nodes(&job.way)?;
        let mut resolver = Resolver::new(&job.way);
        let mut state = self.start.clone();
        for (i, happening) in job.way.history.iter().enumerate() {
            let next = resolver.event(happening, &state).and_then(|event| {
                state.step(&event, &Delivery::default()).map_err(|error| error.to_string())
            });
            state =
                next.map_err(|why| format!("event {} of the earlier stages cannot happen: {why}", i + 1))?;
        }
        if !job.way.history.is_empty() {
            // Between stages messages may have been taken out of the network.
            let kept = resolver.envelopes(&job.way.start.network, &state);
            state.drop_pending_messages();
            state.undrop(|envelope| kept.binary_search(envelope).is_ok());
        }
        let mut walk = Walk { states: vec![state], events: Vec::new(), failed: None, stuck: None };
        for (i, step) in job.way.steps.iter().enumerate() {
            let here = walk.end();
            let event = match resolver.event(&step.event, here) {
                Ok(event) => event,
                Err(why) => {
                    walk.stuck = Some(Stuck { step: i + 1, why });
                    break;
                }
            };
            match here.step(&event, &self.delivery) {
                Ok(next) => {
                    walk.states.push(next);
                    walk.events.push(event);
                }
                Err(error) if failing(&error).is_some() => {
                    walk.failed = Some((event, error));
                    break;
                }
                Err(error) => {
                    walk.stuck = Some(Stuck { step: i + 1, why: error.to_string() });
                    break;
                }
            }
        }
        Ok(walk)
    }

    /// A trace of another system does not run here.
    fn check_nodes(&self, way: &TraceFile) -> Result<(), String> {
        let here: Vec<String> = self.start.addresses().iter().map(Address::to_string).collect();
        let there: Vec<&str> = way.nodes.iter().map(|node| node.address.as_str()).collect();
        // A way that nobody has walked yet knows no nodes.
        if there.is_empty() || here == there {
            return Ok(());
        }
        Err(format!(
            "the trace has the nodes {}, and with its options the lab builds {}; {}",
            there.join(", "),
            here.join(", "),
            match way.origin.command.as_str() {
                "" => "it is of another system".to_owned(),
                command => format!("it was saved by `{command}`, which builds its own"),
            }
        ))
    }
}

/// What went wrong in a handler, in a word or two and in full; `None` if the event could not happen at all.
pub(super) fn failing(error: &StepError) -> Option<(&'static str, &HandlerFault)> {
    match error {
        StepError::Panicked(fault) => Some(("panics", fault)),
        StepError::Hung(fault) => Some(("does not return", fault)),
        StepError::Died(fault) => Some(("ends the process", fault)),
        StepError::Nondeterministic(fault) => Some(("is not deterministic", fault)),
        StepError::NotSerializable(fault) => Some(("makes something that cannot be saved", fault)),
        _ => None,
    }
}

/// The sentence for it, as it stands in a trace.
pub(super) fn failure(error: &StepError) -> String {
    match failing(error) {
        Some((what, fault)) => format!("the handler {what}: {}", fault.problem),
        None => error.to_string(),
    }
}

fn delivery_of(network: &Network) -> Delivery {
    let mut delivery = Delivery::default();
    let parse = |address: &str| address.parse::<Address>().ok();
    for (from, to) in &network.links_off {
        if let (Some(from), Some(to)) = (parse(from), parse(to)) {
            delivery.link(from, to, false);
        }
    }
    for node in network.timers_off.iter().filter_map(|node| parse(node)) {
        delivery.node_timers(node, false);
    }
    delivery
}
