//! Who sent how much to whom, as a square table: what is left to draw where lines would cover each other.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::draft::Draft;
use super::frame::Drawn;
use super::{Cell, Halo, Matrix, Rect, Stroke, Text, edges, finding_sign, point};
use crate::fold::Folded;
use crate::layout::Point;
use crate::text::{Ruler, Style};
use crate::{RenderOptions, caption};

/// More rows than this are no longer told apart.
pub(super) const MOST: usize = 60;
const CELL: f64 = 15.0;
const LABEL: Style = Style::regular(8.5);
/// Labels longer than this are shortened, in points.
const WIDEST: f64 = 190.0;
const GAP: f64 = 5.0;

/// The table with its upper left corner at the origin, and the room it takes.
pub(super) fn of(drawn: &Drawn<'_>, options: &RenderOptions<'_>, ruler: &Ruler) -> (Matrix, Rect) {
    let Drawn { view, graph, drafts, flags, .. } = *drawn;
    let theme = options.theme;
    let order = order(graph, drafts);
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(nth, &node)| place[node] = nth);
    let names: Vec<String> = order
        .iter()
        .map(|&node| {
            let caption = caption::NodeCaption::of_group(view, &graph.nodes[node]);
            let draft = &drafts[node];
            let region = draft.sign.as_ref().map(|sign| format!(" ({sign})")).unwrap_or_default();
            let sign = draft.flag.map(|severity| format!("{} ", finding_sign(severity))).unwrap_or_default();
            let room = WIDEST - ruler.width(&sign, LABEL) - ruler.width(&region, LABEL);
            format!("{sign}{}{region}", ruler.fit(&caption.title, LABEL, room))
        })
        .collect();
    let widest = names.iter().map(|name| ruler.width(name, LABEL)).fold(0.0, f64::max);
    let corner = widest + GAP;
    let side = CELL * order.len() as f64;
    let grid = Rect { left: corner, top: corner, right: corner + side, bottom: corner + side };
    let at = |nth: usize| corner + CELL * nth as f64;

    let mut labels = Vec::with_capacity(2 * names.len());
    for (nth, name) in names.into_iter().enumerate() {
        let width = ruler.width(&name, LABEL);
        // The baseline of text in the middle of a row.
        let baseline = at(nth) + CELL / 2.0 + LABEL.size * 0.36;
        let draft = &drafts[order[nth]];
        let place = theme.place(draft.role, draft.region).1;
        let color = draft.flag.map_or(place, |severity| theme.severity(severity));
        let text = |origin: Point, turned: bool| Text {
            origin,
            width,
            content: name.clone(),
            style: LABEL,
            color,
            turned,
        };
        labels.push(text(point(corner - GAP - width, baseline), false));
        labels.push(text(point(baseline, corner - GAP), true));
    }
    let most = edges::most_bytes(&graph.edges);
    let cells = graph
        .edges
        .iter()
        .enumerate()
        .map(|(i, edge)| {
            let (row, column) = (place[edge.source], place[edge.target]);
            let family = theme.stroke(graph.family(i));
            let title = |node: usize| caption::group_title(view, &graph.nodes[node]);
            let notes = graph.notes[i].as_ref();
            Cell {
                rect: Rect { left: at(column), top: at(row), right: at(column + 1), bottom: at(row + 1) },
                color: family.mix(theme.paper(), 0.85 * (1.0 - edges::rank(edge.traffic.bytes, most))),
                halo: flags.edges[i].map(|severity| Halo::new(severity, theme)),
                tooltip: caption::edge_tooltip(edge, notes, &title(edge.source), &title(edge.target)),
            }
        })
        .collect();
    let mut rules = Vec::new();
    for nth in 0..=order.len() {
        // A stronger line where another kind of node begins.
        let parts = nth > 0 && nth < order.len() && drafts[order[nth]].role != drafts[order[nth - 1]].role;
        let width = if parts { 1.6 } else { 0.4 };
        for (from, to) in [
            (point(at(nth), grid.top), point(at(nth), grid.bottom)),
            (point(grid.left, at(nth)), point(grid.right, at(nth))),
        ] {
            let color = theme.rule();
            rules.push(Stroke { from, to, width, color, opacity: 1.0, dash: Vec::new() });
        }
    }
    let room = Rect { left: 0.0, top: 0.0, right: grid.right + 1.0, bottom: grid.bottom + 1.0 };
    (Matrix { grid, cells, labels, rules }, room)
}

/// The nodes by where they belong; then the busiest, after it the one whose peers are most like its own, and so on, so
/// that nodes with the same peers make blocks. O(nodes^2) comparisons of peers.
fn order(graph: &Folded, drafts: &[Draft<'_>]) -> Vec<usize> {
    let mut peers = vec![BTreeSet::new(); graph.nodes.len()];
    for edge in &graph.edges {
        peers[edge.source].insert(edge.target);
        peers[edge.target].insert(edge.source);
    }
    let bytes = |node: usize| graph.nodes[node].node.traffic().bytes;
    let mut left: Vec<usize> = (0..graph.nodes.len()).collect();
    left.sort_by_key(|&node| (drafts[node].role, Reverse(bytes(node)), node));
    let mut order: Vec<usize> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let next = match order.last() {
            Some(&last) if drafts[last].role == drafts[left[0]].role => {
                let likeness = |node: usize| {
                    let both = peers[node].intersection(&peers[last]).count();
                    let all = peers[node].len() + peers[last].len() - both;
                    both * 1_000 / all.max(1)
                };
                let same = left.iter().take_while(|&&node| drafts[node].role == drafts[last].role);
                // Of equals the first, which is busier.
                same.enumerate().min_by_key(|&(i, &node)| (Reverse(likeness(node)), i)).map_or(0, |(i, _)| i)
            }
            _ => 0,
        };
        order.push(left.remove(next));
    }
    order
}
