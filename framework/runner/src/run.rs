//! A run: what a test drives.

use std::any::type_name;
use std::time::Duration;

use framework::linearizability::History;
use framework::{
    Address, AnyNode, Client, ClientWorker, Data, HandlerFault, Node, Outcome, Predicate, System, View,
    Workload, predicate::clients_done,
};

use crate::chance::nanos;
use crate::clock::ClockRate;
use crate::failure::{Failure, FailureKind, RunError};
use crate::interactive::{Interactive, is_held};
use crate::network::Network;
use crate::node::Fate;
use crate::operations::Operation;
use crate::real_time::RealTime;
use crate::running::Running;
use crate::schedule::Action;
use crate::settings::{Mode, Settings};
use crate::simulation::{Ended, Simulation};
use crate::trace::Trace;
use crate::traffic::Traffic;
use crate::watch::Watch;
use crate::world::{Parcel, World};

/// A running system.
///
/// Time passes only inside [`run_for`](Self::run_for), [`wait_for`](Self::wait_for),
/// [`wait_for_clients`](Self::wait_for_clients) and [`ask`](Self::ask); between their calls the nodes stand still, also in
/// real time. A run that has failed stays failed: every later wait gives the same failure again.
///
/// Source: DSLabs `RunState`.
#[derive(Debug)]
pub struct Run {
    engine: Engine,
    running: Running,
}

#[derive(Debug)]
enum Engine {
    Simulated(Box<Simulation>),
    RealTime(RealTime),
}

impl Engine {
    fn with<R>(&mut self, look: impl FnOnce(&mut World) -> R) -> R {
        match self {
            Self::Simulated(simulation) => look(&mut simulation.world),
            Self::RealTime(real_time) => real_time.with(look),
        }
    }

    fn read<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        match self {
            Self::Simulated(simulation) => look(&simulation.world),
            Self::RealTime(real_time) => real_time.with(|world| look(world)),
        }
    }

    /// Puts messages on their way, and looks at what else has changed.
    fn go_on(&mut self, parcels: Vec<Parcel>) {
        match self {
            Self::Simulated(simulation) => {
                simulation.dispatch(parcels);
                simulation.refresh_all();
            }
            Self::RealTime(real_time) => real_time.dispatch(parcels),
        }
    }
}

impl Run {
    /// Starts a system: every node that is not down runs its `init`, in the order in which they were added, at time zero.
    ///
    /// # Errors
    ///
    /// When an `init` panics, or the initial state violates an invariant.
    pub fn new(system: &System, settings: Settings) -> Result<Self, Failure> {
        tracing::debug!(seed = settings.seed, mode = ?settings.mode, nodes = system.len(), "run");
        let world = World::new(system, &settings);
        let running = world.running.clone();
        let engine = match settings.mode {
            Mode::Simulated => Engine::Simulated(Box::new(Simulation::new(world))),
            Mode::RealTime => Engine::RealTime(RealTime::new(world, settings.handler_time_max)),
        };
        let mut run = Self { engine, running };
        let parcels = run.engine.with(World::init);
        run.engine.go_on(parcels);
        run.outcome()?;
        Ok(run)
    }

    /// The failure that ended the run, if one did.
    fn outcome(&self) -> Result<(), Failure> {
        self.engine.read(|world| world.failure.clone()).map_or(Ok(()), Err)
    }

    fn failed(&self, kind: FailureKind) -> Failure {
        self.engine.read(|world| world.failure(kind))
    }

    /// Ends the run.
    fn over(&mut self, kind: FailureKind) -> Failure {
        self.engine.with(|world| world.fail(kind.clone()));
        self.outcome().err().unwrap_or_else(|| self.failed(kind))
    }

    fn refuse<R>(&self, result: Result<R, RunError>) -> Result<R, Failure> {
        result.map_err(|error| self.failed(FailureKind::Refused(error)))
    }

    // --- Time ---

    /// The time since the start.
    pub fn now(&self) -> Duration {
        self.engine.read(World::time)
    }

    /// Lets this much time pass.
    ///
    /// # Errors
    ///
    /// When the run fails.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Failure> {
        self.advance(time, None).map(drop)
    }

    /// Lets time pass until a state satisfies `predicate`; says when that was. In a simulated run the state after every
    /// event is asked, in real time one every few milliseconds.
    ///
    /// # Errors
    ///
    /// When the run fails, and with [`FailureKind::TimeUp`] when `predicate` does not hold within `limit`. The run goes
    /// on in the second case.
    pub fn wait_for(&mut self, predicate: &Predicate, limit: Duration) -> Result<Duration, Failure> {
        let mut watch = Watch::new(predicate.clone());
        let Some(idle) = self.advance(limit, Some(&mut watch))? else { return Ok(self.now()) };
        let outcome = self.check(predicate)?;
        let waited_for = predicate.name().to_owned();
        Err(self.failed(FailureKind::TimeUp { waited_for, limit, outcome, idle }))
    }

    /// Lets time pass until every client worker with a finite workload has all its results; says when that was. Clients
    /// that are down are not waited for.
    ///
    /// # Errors
    ///
    /// As [`wait_for`](Self::wait_for).
    pub fn wait_for_clients(&mut self, limit: Duration) -> Result<Duration, Failure> {
        let done = clients_done();
        let finite = Predicate::for_each_worker(done.name(), |worker| match worker.command_count() {
            Some(count) if worker.result_count() as u64 != count => Outcome::fails(format!(
                "{} has {} of {count} results",
                worker.address(),
                worker.result_count()
            ))
            .blaming(worker.address(), "results"),
            _ => Outcome::holds(),
        });
        self.wait_for(&finite, limit)
    }

    /// Lets time pass. `None` if the goal holds; else whether nothing is left that could happen.
    fn advance(&mut self, time: Duration, goal: Option<&mut Watch>) -> Result<Option<bool>, Failure> {
        self.outcome()?;
        let name = goal.as_ref().map_or_else(String::new, |goal| goal.predicate().name().to_owned());
        let until = self.engine.read(|world| world.now).saturating_add(nanos(time));
        let ended = match &mut self.engine {
            Engine::Simulated(simulation) => simulation.advance(until, goal),
            Engine::RealTime(real_time) => real_time.advance(until, goal),
        };
        let ended = ended.map_err(|panic| {
            self.over(FailureKind::PredicatePanicked { predicate: name, panic: panic.text })
        })?;
        self.check_invariants()?;
        Ok(match ended {
            Ended::TimeUp { idle } => Some(idle),
            // A run that failed has returned its failure above.
            Ended::Held | Ended::Failed => None,
        })
    }

    // --- Looking ---

    /// Looks at the system.
    pub fn inspect<R>(&self, look: impl FnOnce(&View<'_>) -> R) -> R {
        self.engine.read(|world| look(&View::new(world)))
    }

    /// What a predicate says now.
    ///
    /// # Errors
    ///
    /// When it panics.
    pub fn check(&mut self, predicate: &Predicate) -> Result<Outcome, Failure> {
        self.engine.read(|world| world.ask(predicate)).map_err(|kind| self.over(kind))
    }

    /// Checks all invariants of states, as every wait does at its end.
    ///
    /// # Errors
    ///
    /// When the run has failed before, or one is violated.
    pub fn check_invariants(&mut self) -> Result<(), Failure> {
        self.outcome()?;
        self.engine.with(World::check_invariants);
        self.outcome()
    }

    /// What all clients asked and got, in the order in which they asked.
    pub fn operations(&self) -> Vec<Operation> {
        self.engine.read(|world| world.operations.list().to_vec())
    }

    /// What the clients with commands of type `C` and responses of type `R` asked and got, for a
    /// [linearizability checker](framework::linearizability::check). Times are nanoseconds since the start.
    ///
    /// # Errors
    ///
    /// When there is no such client.
    pub fn history<C: Data, R: Data>(&self) -> Result<History<C, R>, Failure> {
        let history = self.engine.read(|world| {
            let worker = |address| {
                let i = world.find_any(address)?;
                world.nodes[i].local().node.as_worker()
            };
            let clients = || world.nodes.iter().map(|node| node.address);
            world.operations.history(clients(), worker).ok_or_else(|| {
                let types = |address| worker(address).map(|worker| worker.types().map(|(_, name)| name));
                let clients = clients().filter_map(types).map(|[c, r]| format!("`{c}` and `{r}`")).collect();
                let [command, response] = [type_name::<C>(), type_name::<R>()];
                RunError::NoSuchClients { command, response, clients }
            })
        });
        let history = self.refuse(history)?;
        Ok(history.expect("a run records one operation a client at a time, in the order of time"))
    }

    /// The longest time that a client has waited for a response so far; one that is outstanding counts as if it came
    /// now.
    pub fn max_wait(&self) -> Duration {
        self.engine.read(|world| world.operations.max_wait(world.time()))
    }

    /// The messages so far.
    pub fn traffic(&self) -> Traffic {
        self.engine.read(|world| world.traffic.clone())
    }

    /// How many bytes the fields of a node take: those that are its identity. (DSLabs `nodesSize`)
    ///
    /// # Errors
    ///
    /// When there is no such node, or it has no canonical bytes.
    pub fn state_size(&mut self, address: Address) -> Result<usize, Failure> {
        let size = self.engine.read(|world| {
            let i = world.find(address)?;
            let mut bytes = Vec::new();
            let encoded = world.nodes[i].local().node.encode_into(&mut bytes);
            Ok(encoded.map(|()| bytes.len()))
        });
        self.refuse(size)?.map_err(|error| {
            let node_type = self.engine.read(|world| world.type_name(address));
            let (handler, problem) = ("`Serialize`".to_owned(), error.to_string());
            self.over(FailureKind::NotSerializable(HandlerFault {
                node: address,
                node_type,
                handler,
                problem,
            }))
        })
    }

    /// How many events happened so far.
    pub fn events_handled(&self) -> u64 {
        self.engine.read(|world| world.events_handled)
    }

    /// Everything that happened so far.
    pub fn trace(&self) -> Trace {
        self.engine.read(World::trace)
    }

    /// Adds a note to the trace.
    pub fn note(&mut self, text: impl Into<String>) {
        self.engine.with(|world| world.note(text.into()));
    }

    /// The handlers that run now, for whoever watches from another thread: a handler that never returns keeps a
    /// simulated run from ever going on.
    pub fn running(&self) -> Running {
        self.running.clone()
    }

    // --- Changing ---

    /// Changes the network, from now on.
    pub fn network(&mut self, change: impl FnOnce(&mut Network) -> &mut Network) {
        self.engine.with(|world| {
            change(&mut world.network);
        });
        self.engine.go_on(Vec::new());
    }

    /// Does what a schedule could do, now.
    ///
    /// # Errors
    ///
    /// When it names a node that is not there, or the run fails.
    pub fn act(&mut self, action: &Action) -> Result<(), Failure> {
        self.outcome()?;
        let result = self.engine.with(|world| world.act(action));
        let parcels = self.refuse(result)?;
        self.engine.go_on(parcels);
        self.outcome()
    }

    /// Crashes a node: it loses its fields and timers; what it persisted last stays, and the messages that it has sent
    /// arrive.
    ///
    /// # Errors
    ///
    /// When there is no such node, it is down, or the run fails.
    pub fn crash(&mut self, address: Address) -> Result<(), Failure> {
        self.need_up(address)?;
        self.act(&Action::Crash(address))
    }

    /// Lets a node crash inside the next handler in which that matters: just before the handler's call of
    /// [`Context::persist`](framework::Context::persist) with this number, from 0, if it would change what is persisted,
    /// and something was sent or persisted before. What was sent by then is on its way.
    ///
    /// # Errors
    ///
    /// As [`crash`](Self::crash).
    pub fn crash_in_handler(&mut self, address: Address, persist: usize) -> Result<(), Failure> {
        self.need_up(address)?;
        self.act(&Action::CrashInHandler { node: address, persist })
    }

    fn need_up(&self, address: Address) -> Result<(), Failure> {
        self.refuse(self.engine.read(|world| world.find_up(address).map(drop)))
    }

    /// Restarts a node that has crashed, with what it persisted last.
    ///
    /// # Errors
    ///
    /// When there is no such node, it is up, or the run fails.
    pub fn restart(&mut self, address: Address) -> Result<(), Failure> {
        let is_up = self.refuse(self.engine.read(|world| {
            let i = world.find(address)?;
            Ok(world.nodes[i].local().up)
        }))?;
        if is_up {
            return Err(self.failed(FailureKind::Refused(RunError::IsUp(address))));
        }
        self.act(&Action::Restart(address))
    }

    /// Lets a node's clock run faster or slower from now on.
    ///
    /// # Errors
    ///
    /// When there is no such node.
    pub fn clock_rate(&mut self, address: Address, rate: impl Into<ClockRate>) -> Result<(), Failure> {
        self.act(&Action::ClockRate { node: address, rate: rate.into() })
    }

    /// Adds a node and starts it.
    ///
    /// # Errors
    ///
    /// When the address is taken, the node speaks other messages, or the run fails.
    pub fn add(&mut self, address: Address, node: impl Node) -> Result<(), Failure> {
        self.add_any(address, Box::new(node))
    }

    /// Adds a client with its workload and starts it.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_client<C: Client>(
        &mut self,
        address: Address,
        client: C,
        workload: Workload<C::Command, C::Response>,
    ) -> Result<(), Failure> {
        self.add_any(address, Box::new(ClientWorker::new(client, workload)))
    }

    /// Adds a node of any type and starts it.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_any(&mut self, address: Address, node: Box<dyn AnyNode>) -> Result<(), Failure> {
        self.add_with(address, node, Fate::Normal)
    }

    fn add_with(&mut self, address: Address, node: Box<dyn AnyNode>, fate: Fate) -> Result<(), Failure> {
        self.outcome()?;
        let result = self.engine.with(|world| world.add(address, node, fate).map(drop));
        self.refuse(result)?;
        self.act(&Action::Restart(address))
    }

    /// Takes a node away for good. For a node that shall come back use [`crash`](Self::crash) and
    /// [`restart`](Self::restart).
    ///
    /// # Errors
    ///
    /// When there is no such node, or the run fails.
    pub fn remove(&mut self, address: Address) -> Result<(), Failure> {
        self.outcome()?;
        let result = self.engine.with(|world| world.remove(address));
        self.refuse(result)?;
        self.engine.go_on(Vec::new());
        self.outcome()
    }

    // --- Clients that the test talks to ---

    /// Adds a client to which the test gives commands one by one, and starts it.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_interactive<C: Client>(
        &mut self,
        address: Address,
        client: C,
    ) -> Result<Interactive<C>, Failure> {
        let handle = Interactive::new(address);
        self.add_with(address, handle.node(client), Fate::Interactive)?;
        Ok(handle)
    }

    /// Gives a client a command, and returns at once.
    ///
    /// # Errors
    ///
    /// When the client still waits for the response to the last one, is down, or the run fails.
    pub fn send<C: Client>(&mut self, client: &Interactive<C>, command: C::Command) -> Result<(), Failure> {
        // Other timers that are due now go first: one of them might keep the command waiting.
        self.run_for(Duration::ZERO)?;
        let address = client.address();
        let ready = self.engine.read(|world| {
            let i = world.find_up(address)?;
            let local = world.nodes[i].local();
            let held = local.timers.as_slice().iter().find(|timer| is_held(timer)).cloned();
            held.map(|timer| (i, timer)).ok_or_else(|| {
                let operations = world.operations.list();
                let last = operations.iter().rev().find(|operation| operation.client == address);
                RunError::Busy(address, last.map_or_else(String::new, |last| last.command.clone()))
            })
        });
        let (i, timer) = self.refuse(ready)?;
        client.push(command);
        let parcels = self.engine.with(|world| world.release(i, &timer));
        self.engine.go_on(parcels);
        self.outcome()
    }

    /// The response to the last command of a client, if it is there.
    pub fn response<C: Client>(&self, client: &Interactive<C>) -> Option<C::Response> {
        self.inspect(|view| {
            let worker = view.worker(client.address())?;
            let results = worker.results::<C::Response>()?;
            if worker.sent_count() == results.len() { results.last().cloned() } else { None }
        })
    }

    /// Gives a client a command and lets time pass until the response is there.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send) and [`wait_for`](Self::wait_for).
    pub fn ask<C: Client>(
        &mut self,
        client: &Interactive<C>,
        command: C::Command,
        limit: Duration,
    ) -> Result<C::Response, Failure> {
        let address = client.address();
        let text = format!("{command:?}");
        self.send(client, command)?;
        let answered =
            Predicate::new(format!("{address} has the response to {text}"), move |view| {
                match view.worker(address) {
                    Some(worker) if worker.result_count() == worker.sent_count() => Outcome::holds(),
                    _ => Outcome::fails(format!("{address} still waits")),
                }
            });
        self.wait_for(&answered, limit)?;
        self.refuse(self.response(client).ok_or(RunError::NoResponse(address)))
    }
}
