//! What is where on a screen: from one panel at a time on a small one to all of them on a large one.

use ratatui::layout::Rect;

use crate::session::action::Panel;

/// The least size that anything is shown in.
pub(super) const WIDTH_MIN: u16 = 30;
/// See [`WIDTH_MIN`].
pub(super) const HEIGHT_MIN: u16 = 8;

/// The places on a screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// The name of the trace and what is wrong.
    pub(super) title: Rect,
    /// The truth of predicates.
    pub(super) strip: Rect,
    /// The names of panels, where not all are shown.
    pub(super) tabs: Rect,
    /// The panels that are shown.
    pub(super) panels: Vec<(Panel, Rect)>,
    /// Why, in short.
    pub(super) why: Rect,
    /// Messages and hints.
    pub(super) footer: Rect,
    /// Whether panels have frames.
    pub(super) framed: bool,
}

/// Rows from the top and from the bottom of an area.
struct Cutter(Rect);

impl Cutter {
    fn top(&mut self, height: u16) -> Rect {
        let height = height.min(self.0.height);
        let cut = Rect { height, ..self.0 };
        self.0.y += height;
        self.0.height -= height;
        cut
    }

    fn bottom(&mut self, height: u16) -> Rect {
        let height = height.min(self.0.height);
        self.0.height -= height;
        Rect { y: self.0.y + self.0.height, height, ..self.0 }
    }

    fn left(&mut self, width: u16) -> Rect {
        let width = width.min(self.0.width);
        let cut = Rect { width, ..self.0 };
        self.0.x += width;
        self.0.width -= width;
        cut
    }
}

fn percent(of: u16, percent: u16) -> u16 {
    u16::try_from(u32::from(of) * u32::from(percent) / 100).unwrap_or(of)
}

impl Places {
    /// The places for a screen; `None` if it is too small. `panel` is the one that is looked at, `side` the one that is
    /// shown beside the trace; `explained` is whether there is something to say in the place for why.
    pub(super) fn new(
        area: Rect,
        panel: Panel,
        side: Panel,
        zoomed: bool,
        predicates: usize,
        explained: bool,
    ) -> Option<Self> {
        if area.width < WIDTH_MIN || area.height < HEIGHT_MIN {
            return None;
        }
        let mut cut = Cutter(area);
        let mut places = Self { title: cut.top(1), framed: true, ..Self::default() };
        places.footer = cut.bottom(1);
        let predicates = u16::try_from(predicates).unwrap_or(u16::MAX);
        let strip = match area.height {
            0..10 => 0,
            10..30 => 1,
            30..45 => predicates.min(3),
            _ => predicates.min(6),
        };
        places.strip = cut.top(strip);
        if zoomed || area.width < 80 || area.height < 20 {
            places.framed = area.height >= 20;
            places.tabs = cut.top(1);
            // The panel says the same, and more.
            if !zoomed && area.height >= 14 && explained && panel != Panel::Why {
                places.why = cut.bottom(3);
            }
            places.panels = vec![(panel, cut.0)];
        } else if area.width <= 84 && area.height >= 46 {
            places.why = cut.bottom(5);
            let trace = cut.top(percent(cut.0.height, 45));
            let state = cut.top(percent(cut.0.height, 50));
            let other = if matches!(side, Panel::Trace | Panel::State) { Panel::Pending } else { side };
            places.tabs = cut.top(1);
            places.panels = vec![(Panel::Trace, trace), (Panel::State, state), (other, cut.0)];
        } else if area.width >= 160 && area.height >= 45 {
            let mut left = Cutter(cut.left(percent(area.width, 58)));
            let mut right = cut;
            let (trace, why) = (left.top(percent(left.0.height, 48)), left.top(percent(left.0.height, 50)));
            let (state, step) =
                (right.top(percent(right.0.height, 46)), right.top(percent(right.0.height, 46)));
            let tree = right.top(percent(right.0.height, 55));
            places.panels = vec![
                (Panel::Trace, trace),
                (Panel::State, state),
                (Panel::Pending, left.0),
                (Panel::Why, why),
                (Panel::Step, step),
                (Panel::Tree, tree),
                (Panel::Notes, right.0),
            ];
        } else {
            // The panel says the same, and more.
            places.why = cut.bottom(if explained && side != Panel::Why { 5 } else { 0 });
            let trace = cut.left(percent(area.width, if area.width < 100 { 58 } else { 60 }));
            places.panels = vec![(Panel::Trace, trace)];
            let side = if side == Panel::Trace { Panel::State } else { side };
            if area.height >= 34 {
                let state = cut.top(percent(cut.0.height, 52));
                places.panels.push((Panel::State, state));
                places.tabs = cut.top(1);
                let other = if side == Panel::State { Panel::Pending } else { side };
                places.panels.push((other, cut.0));
            } else {
                places.tabs = cut.top(1);
                places.panels.push((side, cut.0));
            }
        }
        Some(places)
    }

    /// Whether a panel is on the screen.
    pub(super) fn shows(&self, panel: Panel) -> bool {
        self.panels.iter().any(|(shown, _)| *shown == panel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_outside_or_on_top_of_something_else() {
        for width in 0..230 {
            for height in 0..80 {
                let area = Rect { x: 0, y: 0, width, height };
                for panel in Panel::ALL {
                    for (zoomed, explained) in [(false, true), (true, true), (false, false)] {
                        let places = Places::new(area, panel, panel, zoomed, 4, explained);
                        let Some(places) = places else {
                            assert!(width < WIDTH_MIN || height < HEIGHT_MIN);
                            continue;
                        };
                        let mut all =
                            vec![places.title, places.strip, places.tabs, places.why, places.footer];
                        all.extend(places.panels.iter().map(|(_, rect)| *rect));
                        for (i, rect) in all.iter().enumerate() {
                            assert_eq!(rect.intersection(area), *rect, "{width}x{height}");
                            assert!(all[..i].iter().all(|other| other.intersection(*rect).area() == 0));
                        }
                        assert!(places.shows(panel), "{panel:?} at {width}x{height}");
                        assert!(places.panels.iter().all(|(_, rect)| rect.height > 1 && rect.width > 10));
                    }
                }
            }
        }
    }
}
