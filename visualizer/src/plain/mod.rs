//! Plain mode: the trace in words, one fact a line. For scripts, for grading, and for a screen reader: no drawing, no
//! colour, no sign that is not also a word.

mod facts;

use std::io::{self, BufRead, Write};

use crate::model::line::harmless;
use crate::session::Session;
use crate::session::action::{Action, Argument, Panel, Scope, TABLE, of_name};

/// What is printed before a command is asked for.
const PROMPT: &str = "lab> ";

/// How a run of commands ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// How many commands made no sense or could not be done.
    pub errors: usize,
    /// Whether one of them was to end.
    pub quit: bool,
}

/// Prints what the trace is about and every step of it.
///
/// # Errors
///
/// When it cannot be written.
pub fn report(session: &mut Session, out: &mut dyn Write) -> io::Result<()> {
    print(out, &facts::summary(session))?;
    for step in 0..=session.model().len() {
        print(out, &facts::step(session, step))?;
    }
    print(out, &facts::why(session))
}

/// Runs commands that are separated by semicolons or line ends, such as `go 10; why`.
///
/// # Errors
///
/// When the output cannot be written. A command that makes no sense is told about, and the next one is run.
pub fn run(session: &mut Session, commands: &str, out: &mut dyn Write) -> io::Result<Ended> {
    let mut ended = Ended::default();
    for command in split(commands) {
        match answer(session, &command) {
            Ok((lines, quit)) => {
                print(out, &lines)?;
                if quit {
                    ended.quit = true;
                    break;
                }
            }
            Err(problem) => {
                ended.errors += 1;
                print(out, &[format!("error: {problem}")])?;
            }
        }
    }
    out.flush()?;
    Ok(ended)
}

/// Asks for commands until there are no more.
///
/// # Errors
///
/// When the terminal cannot be read or written.
pub fn ask(session: &mut Session, input: &mut dyn BufRead, out: &mut dyn Write) -> io::Result<()> {
    print(out, &facts::summary(session))?;
    print(out, &["`help` lists the commands; `quit` ends.".to_owned()])?;
    let mut warned = false;
    loop {
        write!(out, "{PROMPT}")?;
        out.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return writeln!(out);
        }
        if run(session, &line, out)?.quit {
            let Some(what) = session.unsaved().filter(|_| !warned) else { return Ok(()) };
            warned = true;
            print(out, &[format!("{what}: `save` saves, `quit` again leaves without")])?;
        }
    }
}

/// Prints what the person is told first.
///
/// # Errors
///
/// When it cannot be written.
pub(crate) fn tell(said: &[String], out: &mut dyn Write) -> io::Result<()> {
    print(out, said)?;
    out.flush()
}

/// The commands in a text. A semicolon in quotes separates nothing.
fn split(text: &str) -> Vec<String> {
    let mut commands = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        quoted ^= c == '"';
        let last = commands.len() - 1;
        match c {
            '\n' => {
                quoted = false;
                commands.push(String::new());
            }
            ';' if !quoted => commands.push(String::new()),
            c => commands[last].push(c),
        }
    }
    commands
        .into_iter()
        .map(|command| command.trim().to_owned())
        .filter(|command| !command.is_empty())
        .collect()
}

/// What a command has to say, and whether to end.
fn answer(session: &mut Session, command: &str) -> Result<(Vec<String>, bool), String> {
    let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let entry = of_name(name)?;
    let argument = argument.trim();
    if entry.scope == Scope::Screen {
        return Err(format!("`{}` needs a screen; leave `--plain` out", entry.name));
    }
    if entry.argument == Argument::None && !argument.is_empty() {
        return Err(format!("`{}` takes nothing, but was given `{argument}`", entry.name));
    }
    if let (Argument::Text(what), "") = (entry.argument, argument)
        && entry.action != Action::Note
    {
        return Err(format!("`{}` needs a {what}", entry.name));
    }
    if entry.action == Action::Help {
        return Ok((help(), false));
    }
    let before = (session.step(), session.model().branch().to_owned());
    let mut done = session.act(entry, argument)?;
    if let Some(answered) = session.wait() {
        done = answered?;
    }
    let mut lines: Vec<String> = done.message.into_iter().collect();
    match entry.action {
        Action::Show(Panel::Trace) => lines.extend(facts::trace(session)),
        Action::Show(Panel::State) => lines.extend(facts::state(session, !argument.is_empty())),
        Action::Show(Panel::Pending) => lines.extend(facts::pending(session, !argument.is_empty())),
        Action::Show(Panel::Why) => lines.extend(facts::why(session)),
        Action::Show(Panel::Step) => lines.extend(facts::step(session, session.step())),
        Action::Show(Panel::Notes) | Action::Watch => lines.extend(facts::notes(session)),
        Action::Show(Panel::Tree) => lines.extend(facts::tree(session)),
        Action::Past | Action::Future => lines.extend(facts::lit(session)),
        Action::Preview => lines.extend(facts::preview(session)),
        Action::Difference => lines.extend(session.difference()),
        Action::Orders if argument.is_empty() => lines.extend(facts::orders(session)),
        _ if (session.step(), session.model().branch()) != (before.0, before.1.as_str()) => {
            lines.extend(facts::step(session, session.step()))
        }
        _ => {}
    }
    Ok((lines, done.quit))
}

/// The commands, one a line.
fn help() -> Vec<String> {
    let entries = TABLE.iter().filter(|entry| entry.scope != Scope::Screen);
    let lines = entries.map(|entry| {
        let argument = match entry.argument {
            Argument::None => String::new(),
            Argument::Text(what) => format!(" {what}"),
            Argument::Number(what) | Argument::Optional(what) => format!(" [{what}]"),
        };
        format!("{}{argument}: {}", entry.name, entry.title)
    });
    lines
        .chain(["A command may be shortened, and several may stand on one line: `go 10; why`.".to_owned()])
        .collect()
}

fn print(out: &mut dyn Write, lines: &[String]) -> io::Result<()> {
    for line in lines {
        // A screen reader reads what is there; nothing may move its cursor.
        writeln!(out, "{}", harmless(line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::sample;

    fn session() -> Session {
        Session::new(Model::new(sample::demo()), None)
    }

    fn said(commands: &str) -> (String, Ended) {
        let mut out = Vec::new();
        let ended = run(&mut session(), commands, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), ended)
    }

    #[test]
    fn a_script_finds_the_lost_promise() {
        let (text, ended) = said("why; go 9; state a2; pending acceptor2");
        assert_eq!(ended, Ended::default());
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_whole_trace_in_words() {
        let mut out = Vec::new();
        report(&mut session(), &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn every_movement_says_where_one_is() {
        let (text, ended) = said(
            "first; next; next 3; back; find type:Accept; find-next; walk; chain; next-change acceptor3.accepted; \
             jump-back; other-end; next-flip; predicate decided; previous-flip; past",
        );
        assert_eq!(ended.errors, 0, "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn watches_notes_and_bookmarks() {
        let (text, ended) = said(
            "watch count(proposer*.decision != None); go 9; note \"acceptor2 promised 2; it forgot\"; bookmark here; \
             notes; quit; why",
        );
        assert_eq!(ended, Ended { errors: 0, quit: true });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn mistakes_do_not_end_a_script() {
        let (text, ended) = said(
            "deliver 3; go x; go 99; state nobody; find; find zzz; zoom; why now; watch ==; first; back; save",
        );
        assert_eq!(ended.errors, 10, "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn asks_until_the_end() {
        let mut out = Vec::new();
        ask(&mut session(), &mut &b"go 1\nnote x\nquit\nquit\nwhy\n"[..], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("notes, bookmarks and watches are not saved: `save` saves"), "{text}");
        assert!(text.ends_with(PROMPT) && !text.contains("agreement is false since"), "{text}");
        let mut out = Vec::new();
        ask(&mut session(), &mut &b""[..], &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().ends_with("lab> \n"));
    }

    #[test]
    fn plain_mode_has_no_signs() {
        let (text, _) = said("trace; state; pending; why; step; notes; help");
        let strange: String = text.chars().filter(|c| !c.is_ascii()).collect();
        assert_eq!(strange, "");
    }
}
