//! A Rust test that takes the events of a trace again: while the mistake is there it fails.

use std::fmt::Write;

use super::{ExportError, Sheet};
use crate::model::Model;
use crate::model::label::count;
use crate::model::line::harmless;
use crate::trace_file::Happening;

pub(super) fn write(model: &Model, name: &str, sheet: &mut Sheet) -> Result<(), ExportError> {
    let file = model.file();
    let verdict = &file.verdict;
    let judgement = judgement(model)?;
    let (lab, path) = lab(model)?;
    let slug = slug(&verdict.name);
    let events = model.history().len() + model.len();
    let steps = || model.history().iter().chain(file.steps.iter().map(|step| &step.event));
    write!(
        sheet,
        "//! Takes the events of a counterexample again, with today's code.\n//!\n\
         //! Written by `cargo lab export {} --to rust-test`. It belongs into `labs/{lab}/tests/`; as `replay_{slug}.rs` it is\n\
         //! run by `cargo test --package {lab} --test replay_{slug}`. As long as the mistake is there it fails; events that\n\
         //! cannot happen any more are left out.\n\nuse visualizer::Replay;\n\n",
        harmless(name),
    )?;
    let kind = verdict.kind.replace('-', " ");
    writeln!(sheet, "/// {}: {} ({}).", harmless(&kind), harmless(&verdict.name), count(events, "event"))?;
    if !verdict.reason.is_empty() {
        writeln!(sheet, "///\n/// {}", harmless(&verdict.reason))?;
    }
    writeln!(sheet, "#[test]\nfn {slug}() {{\n    Replay::of(&{path})")?;
    let options = &file.origin.options;
    for (method, number) in [("servers", options.servers), ("clients", options.clients)] {
        if let Some(number) = number {
            writeln!(sheet, "        .{method}({number})")?;
        }
    }
    if let Some(workload) = &options.workload {
        writeln!(sheet, "        .workload({workload:?})")?;
    }
    if options.seed != 0 {
        writeln!(sheet, "        .seed({})", options.seed)?;
    }
    for (name, value) in &options.own {
        writeln!(sheet, "        .option({name:?}, {value:?})")?;
    }
    for event in steps() {
        writeln!(sheet, "        .{}", call(model, event))?;
    }
    Ok(writeln!(sheet, "        .{judgement};\n}}")?)
}

/// What is asserted.
fn judgement(model: &Model) -> Result<String, ExportError> {
    let verdict = &model.file().verdict;
    Ok(match verdict.kind.as_str() {
        "violated" => format!("must_hold({:?})", verdict.name),
        "goal-found" => format!("must_reach({:?})", verdict.name),
        "handler-panicked" | "handler-hung" | "handler-died" | "predicate-panicked" | "predicate-died" => {
            "must_not_fail()".to_owned()
        }
        other => {
            let other = harmless(other);
            return Err(ExportError::Unfit(format!(
                "a test is about an invariant that is violated, a goal, or a handler that fails; this trace is of `{other}`"
            )));
        }
    })
}

/// The lab's package, and its type as Rust names it.
fn lab(model: &Model) -> Result<(String, String), ExportError> {
    let origin = &model.file().origin;
    let is_path = |path: &str| {
        let is_word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_alphabetic())
                && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        path.split("::").count() == 2 && path.split("::").all(is_word)
    };
    match origin.rust.split_once("::") {
        Some((package, _)) if is_path(&origin.rust) => Ok((package.to_owned(), origin.rust.clone())),
        _ => Err(ExportError::Unfit(
            "it does not say how its system is built again, so there is nothing to test: only traces of `cargo lab search` \
             do. A graded test keeps its failing traces itself, and tries them first the next time"
                .to_owned(),
        )),
    }
}

fn call(model: &Model, event: &Happening) -> String {
    let full = |id| model.full(id, usize::MAX);
    match event {
        Happening::Deliver { message } => {
            let message = model.message(*message);
            format!("delivers({:?}, {:?}, {:?})", message.from, message.to, full(message.value))
        }
        Happening::Timer { node, timer } => format!("fires({node:?}, {:?})", full(timer.value)),
        Happening::Crash { node, during: None } => format!("crashes({node:?})"),
        Happening::Crash { node, during: Some(during) } => match &*during.event {
            Happening::Deliver { message } => {
                let message = model.message(*message);
                let (from, to, persist) = (&message.from, &message.to, during.persist);
                format!("crashes_in_delivery({from:?}, {to:?}, {:?}, {persist})", full(message.value))
            }
            Happening::Timer { timer, .. } => {
                format!("crashes_in_timer({node:?}, {:?}, {})", full(timer.value), during.persist)
            }
            // A file that was loaded has none of these.
            Happening::Crash { .. } | Happening::Restart { .. } => format!("crashes({node:?})"),
        },
        Happening::Restart { node } => format!("restarts({node:?})"),
    }
}

/// The name of a function: the words of the predicate.
fn slug(name: &str) -> String {
    let letters: String = name
        .chars()
        .take(60)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' })
        .collect();
    let words: Vec<&str> = letters.split_whitespace().collect();
    let slug = words.join("_");
    // A word of the language, or nothing, is no name.
    if slug.starts_with(|c: char| c.is_ascii_alphabetic()) && words.len() > 1 {
        slug
    } else {
        format!("holds_{slug}").trim_end_matches('_').to_owned()
    }
}
