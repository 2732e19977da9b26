//! Opens a live session: at the initial state, or at the end of a saved trace that ran again.

use super::replay::{RECORDED, compare};
use super::tree::Tree;
use super::{Ask, Engine, Job, Reply, Setup, way};
use crate::session::Session;
use crate::trace_file::TraceFile;

/// A session, and what to tell the person about how it began.
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) said: Vec<String>,
}

/// At the initial state of the system that these arguments of `explore` describe.
pub(crate) fn explore(engine: Box<dyn Engine>, arguments: Vec<String>) -> Result<Opened, String> {
    let setup = Setup::Arguments(arguments);
    let way = TraceFile::default();
    let job = Job { setup: setup.clone(), way, from: 0, dropped: Vec::new(), ask: Ask::Run };
    let performed = engine.start(job).wait();
    match performed.reply? {
        Reply::Ran { trace, .. } => {
            let tree = Tree::new("main", Vec::new());
            Ok(Opened {
                session: Session::live(*trace, tree, engine, setup),
                said: printed(&performed.printed),
            })
        }
        _ => Err("the process that runs the handlers answered another question".to_owned()),
    }
}

/// At the end of what of a saved trace can happen with today's code.
pub(crate) fn replay(engine: Box<dyn Engine>, old: &TraceFile) -> Result<Opened, String> {
    let setup = Setup::Trace { options: old.origin.options.clone(), network: old.network.clone() };
    let (way, _) = way(old, &old.steps, None, []);
    let job = Job { setup: setup.clone(), way, from: 0, dropped: Vec::new(), ask: Ask::Run };
    let performed = engine.start(job).wait();
    let Reply::Ran { trace, stuck } = performed.reply? else {
        return Err("the process that runs the handlers answered another question".to_owned());
    };
    let compared = compare(old, *trace, stuck.as_ref());
    let mut tree = Tree::new("main", compared.file.steps.clone());
    tree.branch_mut().notes.clone_from(&old.notes);
    tree.branch_mut().marks.clone_from(&old.marks);
    let end = tree.branch().len();
    tree.branch_mut().notes.retain(|note| note.step <= end);
    tree.branch_mut().marks.retain(|mark| mark.step <= end);
    let mut said = compared.said;
    if let Some(steps) = compared.recorded {
        tree.fork(0, Some(RECORDED));
        tree.append(steps);
        let branch = tree.branch_mut();
        branch.recorded = true;
        branch.notes.clone_from(&old.notes);
        branch.marks.clone_from(&old.marks);
        tree.switch(0);
        said.push(format!("the branch `{RECORDED}` is as the file has it"));
    }
    said.extend(printed(&performed.printed));
    let mut session = Session::live(compared.file, tree, engine, setup);
    session.move_to(end);
    Ok(Opened { session, said })
}

/// That nodes printed, and what.
pub(crate) fn printed(lines: &[String]) -> Vec<String> {
    match lines {
        [] => Vec::new(),
        lines => vec![format!("nodes printed: {} (`tracing::info!` is shown by step)", lines.join(" / "))],
    }
}
