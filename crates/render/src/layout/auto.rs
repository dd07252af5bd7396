use super::leaves::Fan;
use super::network::Network;
use super::pack::{Piece, pack_pieces};
use super::point::{bounds, turn};
use super::{Layout, LayoutError, Placement, Point, Problem};
use super::{overlap, parallel, polish, relax, stress};

/// How much of an edge is to be seen between the boxes that it joins, in points.
const REACH: f64 = 56.0;
/// How far boxes stand apart at least, in points.
const GAP: f64 = 10.0;
/// How far components stand apart, in points.
const COMPONENT_GAP: f64 = 32.0;
/// From this many leaves on, a hub has them in rings around it.
pub(super) const RING: usize = 4;

/// The built-in engine, made for traffic graphs.
///
/// Each connected component is laid out alone: leaves in rings around their hub, the rest by stress
/// majorisation with every hub as large as its rings. Then overlaps are removed and the components packed
/// on a landscape page. All of it happens on a page squeezed by as much as boxes are wider than high, so
/// that distances count boxes, not points.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Auto;

impl Layout for Auto {
    fn place(&self, problem: &Problem) -> Result<Placement, LayoutError> {
        let net = Network::new(problem);
        let squeeze = squeeze(&problem.boxes);
        let boxes: Vec<Point> = problem.boxes.iter().map(|b| b.scaled(1.0 / squeeze, 1.0)).collect();
        let mut scratch = vec![0; net.len()];
        let parts: Vec<Part> = net
            .components()
            .into_iter()
            .map(|nodes| Part {
                net: net.part(&nodes, &mut scratch),
                boxes: nodes.iter().map(|&i| boxes[i]).collect(),
                nodes,
            })
            .collect();
        let placed = parallel::map(parts.len(), |i| {
            let mut centres = component(&parts[i].net, &parts[i].boxes);
            centres.iter_mut().for_each(|c| *c = c.scaled(squeeze, 1.0));
            let sizes: Vec<Point> = parts[i].nodes.iter().map(|&n| problem.boxes[n]).collect();
            if relax::pays(sizes.len(), net.len()) {
                relax::relax(&parts[i].net, &sizes, &mut centres, REACH, GAP);
            }
            let (low, high) = bounds(&centres, &sizes);
            centres.iter_mut().for_each(|c| *c = *c - low);
            (centres, high - low)
        });
        let piece = |(part, (centres, size)): (&Part, &(Vec<Point>, Point))| Piece {
            size: *size,
            boxes: part
                .nodes
                .iter()
                .zip(centres)
                .map(|(&node, &centre)| {
                    (centre - problem.boxes[node] * 0.5, centre + problem.boxes[node] * 0.5)
                })
                .collect(),
            lines: part.net.edges().map(|(a, b, _)| (centres[a], centres[b])).collect(),
        };
        let pieces: Vec<Piece> = parts.iter().zip(&placed).map(piece).collect();
        let mut centres = vec![Point::default(); net.len()];
        for ((part, (local, _)), corner) in parts.iter().zip(&placed).zip(pack_pieces(&pieces, COMPONENT_GAP))
        {
            for (&node, &place) in part.nodes.iter().zip(local) {
                centres[node] = place + corner;
            }
        }
        Ok(Placement { centres, routes: vec![Vec::new(); problem.edges.len()] })
    }
}

/// A connected component.
struct Part {
    nodes: Vec<usize>,
    net: Network,
    boxes: Vec<Point>,
}

/// By how much the page is squeezed sideways: as boxes are wider than high, up to a page's own shape.
fn squeeze(boxes: &[Point]) -> f64 {
    let sum = boxes.iter().fold(Point::default(), |sum, b| sum + *b);
    if sum.y > 0.0 { (sum.x / sum.y).clamp(1.0, 1.3) } else { 1.0 }
}

/// Lays out a connected graph.
fn component(net: &Network, boxes: &[Point]) -> Vec<Point> {
    let leaves = leaves(net, boxes);
    let mut is_leaf = vec![false; net.len()];
    leaves.iter().flatten().for_each(|&leaf| is_leaf[leaf] = true);
    let core: Vec<usize> = (0..net.len()).filter(|&node| !is_leaf[node]).collect();
    let inner = net.part(&core, &mut vec![0; net.len()]);
    let many = core.len() > stress::FULL;
    let fans: Vec<Option<Fan>> = parallel::map(core.len(), |i| {
        let own = &leaves[core[i]];
        let sizes: Vec<Point> = own.iter().map(|&leaf| boxes[leaf]).collect();
        (!own.is_empty()).then(|| Fan::new(boxes[core[i]], &sizes, inner.degree(i), REACH, GAP, many))
    });
    let extents: Vec<Point> = core
        .iter()
        .zip(&fans)
        .map(|(&node, fan)| fan.as_ref().map_or(boxes[node], |fan| fan.extent(boxes[node])))
        .collect();

    let mass: Vec<f32> = core.iter().map(|&node| 1.0 + leaves[node].len() as f32).collect();
    let mut middle = core_places(&inner, &extents, &mass);
    overlap::separate(&mut middle, &extents, GAP);

    let mut centres = vec![Point::default(); net.len()];
    for (i, (&node, fan)) in core.iter().zip(&fans).enumerate() {
        centres[node] = middle[i];
        let Some(fan) = fan else { continue };
        let ways: Vec<f64> = inner
            .neighbours(i)
            .iter()
            .map(|&other| middle[other] - middle[i])
            .map(|d| d.y.atan2(d.x))
            .collect();
        for (&leaf, place) in leaves[node].iter().zip(fan.places(&ways)) {
            centres[leaf] = middle[i] + place;
        }
    }
    overlap::separate(&mut centres, boxes, GAP);
    polish::tighten(net, boxes, &mut centres, REACH, GAP);
    polish::compact(net, boxes, &mut centres, REACH, GAP);
    centres
}

/// For each node the leaves that stand in rings around it: those of about one size.
fn leaves(net: &Network, boxes: &[Point]) -> Vec<Vec<usize>> {
    /// A box so many times as large as most of its like would make the rings too wide.
    const LARGE: f64 = 4.0;
    let mut leaves = vec![Vec::new(); net.len()];
    for node in (0..net.len()).filter(|&node| net.degree(node) == 1) {
        let hub = net.neighbours(node)[0];
        if net.degree(hub) > 1 {
            leaves[hub].push(node);
        }
    }
    for (hub, own) in leaves.iter_mut().enumerate() {
        let area = |leaf: usize| boxes[leaf].x * boxes[leaf].y;
        let mut areas: Vec<f64> = own.iter().map(|&leaf| area(leaf)).collect();
        areas.sort_by(f64::total_cmp);
        let usual = areas.get(areas.len() / 2).copied().unwrap_or(0.0);
        own.retain(|&leaf| area(leaf) <= LARGE * usual);
        let star = own.len() == net.degree(hub);
        if own.len() < RING && !star {
            own.clear();
        }
    }
    leaves
}

/// Places what is not in rings, the longest extent lying across the page.
fn core_places(net: &Network, boxes: &[Point], mass: &[f32]) -> Vec<Point> {
    match net.len() {
        0 => return Vec::new(),
        1 => return vec![Point::default()],
        _ => {}
    }
    if net.len() > stress::FULL {
        // So many fill the page evenly in the end, whatever their edges' lengths.
        let mut places = stress::place_many(net, mass);
        turn(&mut places);
        overlap::spread(&mut places, boxes, GAP);
        return places;
    }
    let radius: Vec<f64> = boxes.iter().map(|b| (b.x + b.y) / 4.0).collect();
    let distances = stress::all_distances(net, &radius, REACH);
    let mut places = stress::place_few(&distances);
    polish::untangle(net, boxes, &distances, &mut places);
    turn(&mut places);
    places
}
