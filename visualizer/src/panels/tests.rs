//! What the panels say of the sample traces.

use super::*;
use crate::model::Model;
use crate::sample;
use crate::session::action::Action;
use crate::session::action::entry_of;
use crate::trace_file::TraceFile;

fn text(session: &mut Session, panel: Panel, width: usize) -> String {
    let paper = Paper { width, ascii: false };
    let rows = rows(session, panel, paper);
    for row in &rows {
        assert!(row.line.width() <= width, "{}", row.line.text());
    }
    rows.into_iter().map(|row| format!("{}\n", row.line.text().trim_end())).collect()
}

fn session(file: TraceFile) -> Session {
    Session::new(Model::new(file), Some("demo.json".into()))
}

fn act(session: &mut Session, action: Action, argument: &str) {
    session.act(entry_of(action), argument).unwrap();
}

#[test]
fn why_points_at_the_lost_promise() {
    let mut session = session(sample::demo());
    insta::assert_snapshot!(text(&mut session, Panel::Why, 60));
    let strip = why_strip(&mut session, Paper { width: 78, ascii: false });
    insta::assert_snapshot!(strip.iter().map(Line::text).collect::<Vec<_>>().join("\n"));
}

/// The votes and the two leaders; the design lacks the fields that the predicate blames.
#[test]
fn why_shows_both_votes() {
    let mut session = session(sample::double_vote());
    insta::assert_snapshot!(text(&mut session, Panel::Why, 60));
    let strip = why_strip(&mut session, Paper { width: 78, ascii: false });
    insta::assert_snapshot!(strip.iter().map(Line::text).collect::<Vec<_>>().join("\n"));
}

#[test]
fn why_shows_both_commits() {
    let mut session = session(sample::different_entries());
    insta::assert_snapshot!(text(&mut session, Panel::Why, 60));
}

#[test]
fn pending_says_what_could_happen() {
    let mut session = session(sample::demo());
    act(&mut session, Action::Go, "8");
    insta::assert_snapshot!(text(&mut session, Panel::Pending, 60));
}

#[test]
fn a_step_in_full() {
    let mut session = session(sample::demo());
    act(&mut session, Action::Go, "9");
    insta::assert_snapshot!(text(&mut session, Panel::Step, 60));
}

#[test]
fn the_state_of_a_node_and_of_one_that_stays_in_sight() {
    let mut session = session(sample::demo());
    act(&mut session, Action::Pin, "acceptor3");
    act(&mut session, Action::Go, "9");
    insta::assert_snapshot!(text(&mut session, Panel::State, 70));
}

#[test]
fn watches_and_notes() {
    let mut session = session(sample::demo());
    act(&mut session, Action::Watch, "max(acceptor*.prepared)");
    act(&mut session, Action::Go, "9");
    act(&mut session, Action::Note, "it promised 2 one step ago");
    act(&mut session, Action::Bookmark, "");
    insta::assert_snapshot!(text(&mut session, Panel::Notes, 60));
}

#[test]
fn the_lines_on_top() {
    let mut session = session(sample::demo());
    let paper = Paper { width: 78, ascii: false };
    let mut lines = vec![title(&session, paper)];
    lines.extend(strip(&session, paper, 3));
    act(&mut session, Action::Go, "9");
    lines.push(title(&session, paper));
    lines.extend(strip(&session, Paper { width: 30, ascii: true }, 3));
    let lines: Vec<String> = lines.iter().map(|line| line.text().trim_end().to_owned()).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_sample_fits_every_width() {
    for file in [sample::demo(), sample::violated(), sample::staged(), sample::panicked(), sample::crashed()]
    {
        let mut session = session(file);
        for step in 0..=session.model().len() {
            session.move_to(step);
            for panel in Panel::ALL {
                for width in [0, 1, 7, 20, 45, 80, 200] {
                    let _asserts = text(&mut session, panel, width);
                }
            }
        }
    }
}
