//! Edits pages: a link to a page that was left out of a handout becomes plain text.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::manifest::normal;
use crate::tree::Tree;

/// Takes the links to what was left out from all pages.
pub(crate) fn unlink(tree: &mut Tree, left_out: &BTreeMap<String, String>) -> Result<()> {
    let pages: Vec<String> = tree.0.keys().filter(|path| path.ends_with(".md")).cloned().collect();
    for path in pages {
        let text = tree.text(&path)?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let dead = |target: &str| {
            let file = target.split('#').next().unwrap_or_default();
            normal(&format!("{folder}/{file}")).is_some_and(|file| left_out.contains_key(&file))
        };
        let edited = without_links(text, dead);
        if edited != text {
            tree.add_text(&path, edited);
        }
    }
    Ok(())
}

/// A text in which `[words](target)` is `words` for the targets meant.
fn without_links(text: &str, meant: impl Fn(&str) -> bool) -> String {
    let mut edited = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        let link = before.rfind('[').zip(after.split_once(')'));
        match link.filter(|(_, (target, _))| meant(target)) {
            Some((at, (_, behind))) => {
                edited.push_str(&before[..at]);
                edited.push_str(&before[at + 1..]);
                rest = behind;
            }
            None => {
                edited.push_str(before);
                edited.push_str("](");
                rest = after;
            }
        }
    }
    edited.push_str(rest);
    edited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_what_is_left_out_are_words() {
        let mut tree = Tree::default();
        tree.add_text(
            "labs/raft/README.md",
            "| 2 | [elections](docs/part2.md) | 5.1 |\n| 3 | [the log](docs/part3.md#hints) | [5.3](x) |\n`a[0](b)`\n",
        );
        tree.add_text("labs/raft/docs/part2.md", "[next](part3.md), [all](../README.md)\n");
        let left_out = BTreeMap::from([("labs/raft/docs/part3.md".to_owned(), "not selected".to_owned())]);
        unlink(&mut tree, &left_out).unwrap();
        assert_eq!(
            tree.text("labs/raft/README.md").unwrap(),
            "| 2 | [elections](docs/part2.md) | 5.1 |\n| 3 | the log | [5.3](x) |\n`a[0](b)`\n"
        );
        assert_eq!(tree.text("labs/raft/docs/part2.md").unwrap(), "next, [all](../README.md)\n");
    }
}
