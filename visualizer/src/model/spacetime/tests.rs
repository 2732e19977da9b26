//! What the diagrams look like, and what is true of all of them.

use proptest::prelude::*;

use super::*;
use crate::sample;

fn drawing(model: &Model, width: usize, ascii: bool, marks: &Marks, lanes: bool) -> String {
    let hide = BTreeSet::new();
    let layout = if lanes {
        Layout::apart(model, width, ascii, &hide)
    } else {
        Layout::new(model, width, ascii, &hide)
    };
    let steps = model.past(&[marks.selected]);
    let diagram = if lanes {
        Diagram::lanes(model, &layout, marks, &steps)
    } else {
        Diagram::rows(model, &layout, marks)
    };
    let rows = std::iter::once(diagram.header()).chain((0..=model.len()).map(|step| diagram.row(step)));
    rows.map(|line| format!("{}\n", line.text().trim_end())).collect()
}

fn marks(model: &Model) -> Marks {
    Marks { selected: model.len(), blamed: [11, 18].into(), ..Marks::default() }
}

#[test]
fn rows_with_a_column_of_labels() {
    let model = Model::new(sample::demo());
    insta::assert_snapshot!(drawing(&model, 45, false, &marks(&model), false));
}

#[test]
fn rows_with_labels_on_the_arrows() {
    let model = Model::new(sample::demo());
    insta::assert_snapshot!(drawing(&model, 110, false, &marks(&model), false));
}

#[test]
fn rows_in_ascii() {
    let model = Model::new(sample::demo());
    let text = drawing(&model, 60, true, &marks(&model), false);
    assert!(text.is_ascii());
    insta::assert_snapshot!(text);
}

#[test]
fn rows_in_words() {
    let model = Model::new(sample::demo());
    insta::assert_snapshot!(drawing(&model, 28, false, &marks(&model), false));
}

#[test]
fn lanes_of_the_causal_past() {
    let model = Model::new(sample::demo());
    insta::assert_snapshot!(drawing(&model, 90, false, &marks(&model), true));
}

#[test]
fn crashes_and_restarts() {
    let model = Model::new(sample::crashed());
    insta::assert_snapshot!(drawing(&model, 70, false, &Marks::default(), false));
}

#[test]
fn names_are_as_short_as_they_can_be() {
    let model = Model::new(sample::demo());
    assert_eq!(abbreviations(&model), ["p1", "p2", "a1", "a2", "a3"]);
    let mut file = sample::violated();
    file.nodes[0].address = "clerk".to_owned();
    assert_eq!(abbreviations(&Model::new(file)), ["clerk", "cli1", "cli2"]);
}

#[test]
fn a_step_says_what_it_sent_and_what_gets_lost() {
    let model = Model::new(sample::demo());
    insta::assert_snapshot!(sent_text(&model, 7, 200));
    assert_eq!(sent_text(&model, 18, 200), "");
}

proptest! {
    /// No width is too small, no row is wider than it, and no two ways share a place at the same time.
    #[test]
    fn every_width_will_do(seed in any::<u64>(), width in 0_usize..140, lanes in any::<bool>(), ascii in any::<bool>()) {
        let model = Model::new(sample::random(seed, 25));
        let marks = Marks { selected: model.len(), ..Marks::default() };
        let layout = Layout::apart(&model, width, ascii, &BTreeSet::new());
        let text = drawing(&model, width, ascii, &marks, lanes);
        for line in text.lines() {
            prop_assert!(Line::plain(line).width() <= width, "{} > {width}: {line}", Line::plain(line).width());
        }
        let all = vec![true; model.len() + 1];
        let routes = Routes::new(&model, &layout, &all);
        for (i, a) in routes.all().iter().enumerate() {
            prop_assert!(a.sent < a.arrives);
            prop_assert!(!layout.columns.iter().any(|column| column.x == a.down), "on the lane of a node");
            for b in &routes.all()[..i] {
                prop_assert!(a.down != b.down || a.arrives < b.sent || b.arrives < a.sent);
            }
        }
    }
}
