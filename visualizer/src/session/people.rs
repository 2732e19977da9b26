//! What people add to a trace: notes and bookmarks, and saving them.

use std::path::PathBuf;

use super::action::Action;
use super::{Done, Session};
use crate::trace_file::{Mark, Note};

/// How long a note may be, in characters.
const NOTE_MAX: usize = 2_000;

impl Session {
    pub(super) fn write(&mut self, action: Action, argument: &str) -> Result<Done, String> {
        let text = argument.trim();
        let (step, number) = (self.step, self.model.number(self.step));
        let author = self.author.clone();
        let file = self.model.people();
        match action {
            Action::Note if text.is_empty() => {
                let before = file.notes.len();
                file.notes.retain(|note| note.step != step);
                if before == file.notes.len() {
                    return Err(
                        "a note needs a text; without one the notes of a step are taken away".to_owned()
                    );
                }
                self.unsaved = true;
                Ok(Done::said(format!("step {number} has no note any more")))
            }
            Action::Note => {
                let text = text.chars().take(NOTE_MAX).collect();
                file.notes.push(Note { step, text, by: author });
                file.notes.sort_by_key(|note| note.step);
                self.unsaved = true;
                Ok(Done::said(format!("noted at step {number}; `save` keeps it in the trace")))
            }
            Action::Bookmark => {
                let before = file.marks.len();
                file.marks.retain(|mark| mark.step != step);
                self.unsaved = true;
                if file.marks.len() < before && text.is_empty() {
                    return Ok(Done::said(format!("step {number} is not marked any more")));
                }
                let name = text.chars().take(NOTE_MAX).collect();
                file.marks.push(Mark { step, name });
                file.marks.sort_by_key(|mark| mark.step);
                Ok(Done::said(format!("step {number} is marked; `'` goes from mark to mark")))
            }
            _ => self.save(text),
        }
    }

    /// Something that a save would keep is not in the file.
    pub(super) fn note_unsaved(&mut self) {
        self.unsaved = true;
    }

    fn save(&mut self, path: &str) -> Result<Done, String> {
        let path = if path.is_empty() { self.usual_path() } else { Some(PathBuf::from(path)) };
        let path = path.ok_or("say where to save it: `save FILE`")?;
        self.model.people().view.watch = self.watches.iter().map(|watch| watch.text().to_owned()).collect();
        let saved =
            if self.is_live() { self.branch_file().save(&path) } else { self.model.file().save(&path) };
        saved.map_err(|error| error.to_string())?;
        (self.unsaved, self.unsaved_steps) = (false, false);
        Ok(Done::said(format!("saved as {}", path.display())))
    }

    /// Where it comes from; a branch goes into the folder of traces, by its name.
    fn usual_path(&self) -> Option<PathBuf> {
        if !self.is_live() {
            return self.path.clone();
        }
        let harmless = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
        let branch: String = self.model.branch().chars().map(harmless).collect();
        Some(self.folder.as_ref()?.join(format!("{}-{branch}.json", self.model.file().origin.lab)))
    }
}
