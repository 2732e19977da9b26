//! What is written of a graded class, for people and for other programs.

mod csv;
mod gradescope;
mod html;
mod junit;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::console::count;
use crate::grade::class::{self, Class};
use crate::grade::cluster;
use crate::grade::log::{Graded, Header};

fn save(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

/// The files of one submission.
pub(super) fn write_one(graded: &Graded, header: &Header, out: &Path) -> Result<()> {
    let folder = out.join("submissions").join(&graded.name);
    write_so_far(graded, header, out)?;
    save(&folder.join("junit.xml"), &junit::report(graded))?;
    save(&folder.join("index.html"), &html::submission(graded, header))
}

/// What another program reads of a submission whose grading goes on. It is whole at any time.
pub(super) fn write_so_far(graded: &Graded, header: &Header, out: &Path) -> Result<()> {
    let folder = out.join("submissions").join(&graded.name);
    let part = folder.join("results.part");
    save(&part, &gradescope::results(graded, header, &folder)?)?;
    fs::rename(&part, folder.join("results.json")).context("cannot write the results so far")
}

/// All files: those of the class, and those of each submission.
pub(super) fn write_all(class: &Class, out: &Path) -> Result<()> {
    for graded in &class.graded {
        write_one(graded, &class.header, out)?;
    }
    write(class, out)
}

/// The files of the class. They are the same whether grading was interrupted or not.
fn write(class: &Class, out: &Path) -> Result<()> {
    let mut lines = vec![serde_json::to_value(&class.header)?];
    for graded in &class.graded {
        lines.push(serde_json::to_value(graded)?);
    }
    let mut text = String::new();
    for mut line in lines {
        class::without_times(&mut line);
        let _never_fails = writeln!(text, "{line}");
    }
    save(&out.join("results.jsonl"), &text)?;
    save(&out.join("grades.csv"), &csv::report(class))?;
    save(&out.join("index.html"), &html::page(class))
}

/// What is printed in the end.
pub(super) fn summary(class: &Class, out: &Path, seconds: u64) -> String {
    let mut text = String::new();
    let all = class.points();
    let mut points: Vec<f64> = class.graded.iter().map(Graded::earned).collect();
    points.sort_by(f64::total_cmp);
    let full = points.iter().filter(|earned| **earned >= all).count();
    let median = points.get(points.len() / 2).copied().unwrap_or(0.0);
    let _never_fails = writeln!(
        text,
        "{} in {seconds} s; {full} with all {all} points, median {median}",
        count(class.graded.len(), "submission")
    );
    for status in ["refused", "does not compile", "look at it"] {
        let names: Vec<&str> =
            class.graded.iter().filter(|one| one.status() == status).map(|one| one.name.as_str()).collect();
        if !names.is_empty() {
            let _never_fails = writeln!(text, "{status}: {}", names.join(", "));
        }
    }
    for cluster in cluster::clusters(class).iter().filter(|cluster| cluster.members.len() > 1).take(10) {
        let detector = cluster.detector.map(|name| format!(", {name}")).unwrap_or_default();
        let _never_fails = writeln!(
            text,
            "{} share one failure of {}: {}{detector} (see {}; {})",
            count(cluster.members.len(), "submission"),
            cluster.tests_in_words(),
            cluster.cause,
            cluster.exemplar.0.name,
            cluster.id,
        );
    }
    if let Some(since) = &class.since {
        let changes = class.changes();
        let _never_fails = writeln!(
            text,
            "since version {}: {}",
            since.header.version,
            count(changes.len(), "score change")
        );
        for other in class.header.other_conditions(&since.header) {
            let _never_fails = writeln!(text, "  {other}");
        }
        for change in changes {
            let _never_fails = writeln!(
                text,
                "  {} {} {}: {} → {}",
                change.name, change.suite, change.test, change.before, change.after
            );
        }
    }
    let _never_fails = write!(text, "the class: {}", out.join("index.html").display());
    text
}
