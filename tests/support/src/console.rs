//! What a student reads: a line for each test, a block for each that fails, and the points.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use libtest_mimic::{Arguments, ColorSetting, FormatSetting};

use crate::child::command;
use crate::failed::Failure;
use crate::judge::WIDTH;
use crate::part::{Part, Test};
use crate::record::{Judgement, TestRecord};
use crate::text::{counted, fit, seconds, wrapped};

/// The lines of a block.
const BLOCK_LINES: usize = 40;
/// How many lines of a message are shown, and of what the test printed.
const MESSAGE_LINES: usize = 5;
const OUTPUT_LINES: usize = 3;

/// Prints one line about a mistake that is not the student's.
pub(crate) fn error(problem: &str) {
    let _nobody_reads = writeln!(io::stderr(), "error: {problem}");
}

/// Prints what a test printed.
pub(crate) fn show(lines: &[String]) {
    for line in lines {
        let _nobody_reads = writeln!(io::stdout(), "{line}");
    }
}

/// Shows how far a test is.
pub(crate) type ProgressLine = Arc<dyn Fn(&str) + Send + Sync>;

/// Where the output goes.
pub(crate) struct Console {
    out: Box<dyn Write + Send>,
    color: bool,
    quiet: bool,
    live: Option<ProgressBar>,
    one_by_one: bool,
}

impl Console {
    pub(crate) fn new(args: &Arguments) -> Self {
        let file = args.logfile.as_ref().and_then(|path| std::fs::File::create(path).ok());
        let terminal = io::stdout().is_terminal() && file.is_none();
        let color = match args.color {
            Some(ColorSetting::Always) => true,
            Some(ColorSetting::Never) => false,
            _ => terminal && std::env::var_os("NO_COLOR").is_none_or(|word| word.is_empty()),
        };
        Self {
            out: file.map_or_else(|| Box::new(io::stdout()) as Box<dyn Write + Send>, |file| Box::new(file)),
            color,
            quiet: args.quiet || args.format == Some(FormatSetting::Terse),
            live: (io::stderr().is_terminal() && !args.nocapture).then(live_line),
            one_by_one: true,
        }
    }

    /// Nobody listens any more: the test goes on for its records.
    fn print(&mut self, text: &str) {
        let _nobody_reads = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    pub(crate) fn begin(&mut self, part: &Part, chosen: usize, first: usize) {
        let mut text = format!("\n{}\nrunning {}\n", part.title, counted(chosen as u64, "test"));
        if first > 0 && first < chosen {
            text.push_str(&format!("({first} of them failed last time and come first)\n"));
        }
        self.print(&text);
    }

    pub(crate) fn test_begins(&mut self, test: &Test, one_by_one: bool) {
        self.one_by_one = one_by_one;
        if one_by_one && !self.quiet {
            self.print(&format!("test {} ... ", test.name));
        }
    }

    /// What shows how far a test is, if anybody looks.
    pub(crate) fn progress(&self, test: &Test) -> Option<ProgressLine> {
        let (live, name) = (self.live.clone()?, test.short_name().to_owned());
        Some(Arc::new(move |line| {
            live.set_message(fit(&format!("{name}: {line}"), 200));
            live.tick();
        }))
    }

    pub(crate) fn test_ends(&mut self, record: &TestRecord) {
        if let Some(live) = &self.live {
            live.set_message("");
            live.tick();
        }
        let (word, color) = match record.verdict {
            Judgement::Pass => ("ok", "32"),
            Judgement::Fail => ("FAILED", "31"),
            Judgement::Inconclusive => ("inconclusive", "33"),
        };
        let word = if self.color { format!("\x1b[{color}m{word}\x1b[0m") } else { word.to_owned() };
        let mut text = String::new();
        if self.quiet || !self.one_by_one {
            text.push_str(&format!("test {} ... ", record.test));
        }
        text.push_str(&format!("{word}{}\n", line_end(record)));
        for line in &record.block {
            text.push_str(&format!("{line}\n"));
        }
        if !record.block.is_empty() {
            text.push('\n');
        }
        self.print(&text);
    }

    pub(crate) fn end(
        &mut self,
        part: &Part,
        records: &[TestRecord],
        filtered_out: usize,
        elapsed: Duration,
        grades: &str,
        handout: Option<&serde_json::Value>,
    ) {
        if let Some(live) = self.live.take() {
            live.finish_and_clear();
        }
        let mut lines = vec![String::new()];
        if records.len() > 1 {
            lines.extend(table(part, records));
            lines.push(String::new());
        }
        if records.iter().all(|record| record.verdict != Judgement::Pass)
            && let Some(hint) = part.hint
            && filtered_out == 0
        {
            lines.push(format!("{}: nothing passes yet. Begin with {hint}.", part.title));
        }
        let handout = handout.map(|handout| {
            let word = |key: &str| handout.get(key).and_then(|word| word.as_str()).unwrap_or("?").to_owned();
            format!(" (handout {}, {:.8})", word("version"), word("hash"))
        });
        lines.push(format!("results: {grades}{}", handout.unwrap_or_default()));
        lines.push(summary(records, filtered_out, elapsed));
        lines.push(String::new());
        self.print(&lines.join("\n"));
        self.print("\n");
    }
}

fn live_line() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    // The line of the test stands on the screen without its end; the live line is below it.
    if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
        bar.set_style(style);
    }
    bar
}

/// ` (5/20 points, 1.20 s)`.
fn line_end(record: &TestRecord) -> String {
    let time = seconds(record.seconds);
    match record.points {
        0 => format!(" ({time})"),
        points => format!(" ({}/{points} points, {time})", record.earned),
    }
}

/// What is said about a test that did not pass, in at most 40 lines.
pub(crate) fn block(
    record: &TestRecord,
    failure: &Failure,
    target: &str,
    trace: Option<&str>,
    output: &[String],
    given_seed: Option<u64>,
) -> Vec<String> {
    let mut head = vec![format!("  {}.", record.claim.trim_end_matches('.'))];
    if let Some(stage) = &record.stage {
        let number = record.stages.iter().rposition(|s| s.name == *stage).unwrap_or(record.stages.len()) + 1;
        head.push(format!("  stage {number}: {stage}"));
    }
    let mut message = wrapped(&failure.message, WIDTH - 2);
    if message.len() > MESSAGE_LINES {
        message.truncate(MESSAGE_LINES);
        message.push("…".to_owned());
    }
    head.extend(message.into_iter().map(|line| format!("  {line}")));
    let mut tail = Vec::new();
    if failure.trace.is_none() && !output.is_empty() {
        tail.push("  The end of what it printed:".to_owned());
        let said: Vec<&String> = output.iter().filter(|line| !line.trim().is_empty()).collect();
        let last = &said[said.len().saturating_sub(OUTPUT_LINES)..];
        tail.extend(last.iter().map(|line| fit(&format!("    | {line}"), WIDTH + 2)));
    }
    match trace {
        Some(trace) if Path::new(trace).is_relative() => {
            tail.push(format!("  Step through it: cargo lab show {trace}"));
        }
        // Outside the workspace lies what a grader keeps; the one who reads this has no such file.
        Some(_) => tail.push(
            "  Step through it: run it in your copy; it prints the command, `cargo lab show …`".to_owned(),
        ),
        None => {}
    }
    let short = record.test.split('_').next().unwrap_or(&record.test);
    tail.push(format!("  Run it again:    {}", command(target, short, given_seed)));
    let room = BLOCK_LINES.saturating_sub(head.len() + tail.len());
    let mut body: Vec<String> = failure.lines.iter().map(|line| format!("  {line}")).collect();
    if body.len() > room {
        body.truncate(room.saturating_sub(1));
        body.push("  …".to_owned());
    }
    // Commands are whole, however long the path of the workspace is.
    head.into_iter().chain(body).map(|line| fit(&line, WIDTH + 2)).chain(tail).collect()
}

/// The points of each test, added up under each heading.
fn table(part: &Part, records: &[TestRecord]) -> Vec<String> {
    let width = records.iter().map(|record| record.test.len()).max().unwrap_or_default();
    let points = |earned: u32, of: u32| format!("{earned:>4} / {of}");
    let mut lines = Vec::new();
    let mut section = None;
    for record in records {
        if record.section != section {
            section.clone_from(&record.section);
            let of_section = || records.iter().filter(|other| other.section == section);
            let earned = of_section().map(|other| other.earned).sum();
            let of = of_section().map(|other| other.points).sum();
            if let Some(title) = &section {
                lines.push(format!("{title:width$}  {}", points(earned, of)));
            }
        }
        let word = match record.verdict {
            Judgement::Pass => String::new(),
            _ => format!("   {}", record.word()),
        };
        lines.push(format!("  {:width$}{}{word}", record.test, points(record.earned, record.points)));
    }
    let (earned, of) = sums(records);
    lines.push(format!("{:width$}  {}", "total", points(earned, of)));
    let missing = part.tests.len() - records.len();
    if missing > 0 {
        lines.push(format!("({} of this part did not run)", counted(missing as u64, "test")));
    }
    lines
}

fn sums(records: &[TestRecord]) -> (u32, u32) {
    (records.iter().map(|record| record.earned).sum(), records.iter().map(|record| record.points).sum())
}

/// The line of the built-in harness, with points and what is not decided.
fn summary(records: &[TestRecord], filtered_out: usize, elapsed: Duration) -> String {
    let count = |verdict| records.iter().filter(|record| record.verdict == verdict).count();
    let passed = count(Judgement::Pass);
    let inconclusive = match count(Judgement::Inconclusive) {
        0 => String::new(),
        count => format!(" ({count} inconclusive)"),
    };
    let failed = records.len() - passed;
    let word = if failed == 0 { "ok" } else { "FAILED" };
    let (earned, of) = sums(records);
    format!(
        "test result: {word}. {passed} passed; {failed} failed{inconclusive}; 0 ignored; 0 measured; {filtered_out} \
         filtered out; {earned}/{of} points; finished in {:.2}s",
        elapsed.as_secs_f64()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::Kind;

    #[test]
    fn a_command_names_only_files_that_its_reader_has() {
        let record = TestRecord {
            record: "test".to_owned(),
            test: "t04_search_votes".to_owned(),
            number: 4,
            kind: Kind::Search,
            claim: "Nobody votes twice".to_owned(),
            section: None,
            points: 5,
            earned: 0,
            verdict: Judgement::Fail,
            cause: None,
            detector: None,
            message: None,
            stage: None,
            stages: Vec::new(),
            seed: 1,
            states: 0,
            seconds: 0.0,
            trace: None,
            steps: None,
            cluster: None,
            replayed: false,
            block: Vec::new(),
        };
        let failure = Failure::fail("violated", "violated: one vote a term".to_owned());
        let said =
            |trace: &str, seed| block(&record, &failure, "part2", Some(trace), &[], seed)[2..].join("\n");
        insta::assert_snapshot!(said("target/traces/part2-t04.json", None), @"
          Step through it: cargo lab show target/traces/part2-t04.json
          Run it again:    cargo test --test part2 t04
        ");
        insta::assert_snapshot!(said("/out/traces/part2-t04.json", Some(7)), @"
          Step through it: run it in your copy; it prints the command, `cargo lab show …`
          Run it again:    TESTKIT_SEED=7 cargo test --test part2 t04
        ");
    }
}
