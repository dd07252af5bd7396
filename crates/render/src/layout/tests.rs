use proptest::prelude::*;

use super::*;

/// No two boxes overlap, all is finite, every node has its place, and the same comes out again.
fn check(engine: &str, problem: &Problem) -> Placement {
    let layout = Engine::by_name(engine).unwrap().layout();
    let placement = layout.place(problem).unwrap();
    assert_eq!(placement.centres.len(), problem.boxes.len(), "{engine}");
    assert_eq!(placement.routes.len(), problem.edges.len(), "{engine}");
    let points = placement.centres.iter().chain(placement.routes.iter().flatten());
    assert!(points.clone().all(|p| p.x.is_finite() && p.y.is_finite()), "{engine}");
    assert_eq!(overlaps(&placement.centres, &problem.boxes), vec![], "{engine}");
    let again = layout.place(problem).unwrap();
    assert_eq!(placement.centres, again.centres, "{engine} is not deterministic");
    assert_eq!(placement.routes, again.routes, "{engine} is not deterministic");
    placement
}

/// Every pair of boxes, of all pairs, that overlap.
fn overlaps(centres: &[Point], boxes: &[Point]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for a in 0..centres.len() {
        for b in 0..a {
            let need = (boxes[a] + boxes[b]) * 0.5;
            let d = centres[a] - centres[b];
            if d.x.abs() < need.x && d.y.abs() < need.y {
                found.push((a, b));
            }
        }
    }
    found
}

fn alike(nodes: usize, edges: Vec<(usize, usize)>) -> Problem {
    Problem::new(vec![Point::new(120.0, 40.0); nodes], edges)
}

fn star(leaves: usize) -> Problem {
    alike(leaves + 1, (1..=leaves).map(|leaf| (leaf, 0)).collect())
}

fn complete(nodes: usize) -> Problem {
    alike(nodes, (0..nodes).flat_map(|a| (0..nodes).filter(move |&b| b != a).map(move |b| (a, b))).collect())
}

/// Graphs that every engine must manage.
fn small_graphs() -> Vec<(&'static str, Problem)> {
    vec![
        ("empty", Problem::default()),
        ("one node", alike(1, vec![])),
        ("only a self-loop", alike(1, vec![(0, 0)])),
        ("a pair, both ways", alike(2, vec![(0, 1), (1, 0)])),
        ("a star", star(9)),
        ("a path", alike(8, (1..8).map(|i| (i - 1, i)).collect())),
        ("a cycle", alike(8, (0..8).map(|i| (i, (i + 1) % 8)).collect())),
        ("two components", alike(7, vec![(0, 1), (1, 2), (2, 0), (3, 4), (3, 5), (3, 6)])),
        ("nodes without edges", alike(30, vec![])),
        ("complete", complete(8)),
        ("boxes without size", Problem::new(vec![Point::default(); 6], vec![(0, 1), (1, 2)])),
        ("a hub with many leaves", star(500)),
    ]
}

#[test]
fn built_in_engines_place_small_graphs() {
    for (name, problem) in small_graphs() {
        for engine in ["auto", "circular", "tiers", "layered"] {
            eprintln!("{engine}: {name}");
            check(engine, &problem);
        }
    }
}

#[test]
fn graphviz_engines_place_small_graphs() {
    if pcapviz_testkit::tool("dot").is_none() {
        return;
    }
    for (name, problem) in small_graphs() {
        for engine in ["dot", "neato", "fdp", "sfdp", "circo", "twopi", "osage", "patchwork"] {
            eprintln!("{engine}: {name}");
            let placement = check(engine, &problem);
            for (route, (a, b)) in placement.routes.iter().zip(&problem.edges) {
                let Some((first, last)) = route.first().zip(route.last()) else { continue };
                for (end, node) in [(first, a), (last, b)] {
                    let d = *end - placement.centres[*node];
                    let half = problem.boxes[*node] * 0.5;
                    let near = d.x.abs() < half.x + 6.0 && d.y.abs() < half.y + 6.0;
                    assert!(near, "{engine}, {name}: an edge ends {d:?} from its node");
                }
            }
        }
    }
}

#[test]
fn a_large_core_is_placed() {
    // Some hundred nodes, none of them a leaf, and leaves at the first of them.
    let mut random = random::Random::new(7);
    let mut pick = |below: usize| (random.unit() * below as f64) as usize;
    let mut edges: Vec<_> = (1..600).flat_map(|node| [(node, pick(node)), (node, pick(node))]).collect();
    edges.extend((600..1000).map(|leaf| (leaf, leaf % 7)));
    let boxes = (0..1000).map(|i| Point::new(60.0 + (i % 9) as f64 * 15.0, 40.0)).collect();
    check("auto", &Problem::new(boxes, edges));
}

#[test]
fn a_hub_is_in_the_middle_of_its_leaves() {
    for leaves in [2, 3, 4, 6, 9, 20, 500] {
        let placement = check("auto", &star(leaves));
        let sum = placement.centres[1..].iter().fold(Point::default(), |sum, p| sum + *p);
        let off = placement.centres[0] - sum * (1.0 / leaves as f64);
        assert!(off.length() < 40.0, "{leaves} leaves: {off:?}");
    }
}

#[test]
fn what_two_nodes_share_stands_between_them() {
    for shared in [5, 8, 12, 21, 40] {
        let placement =
            check("auto", &alike(shared + 2, (2..shared + 2).flat_map(|i| [(0, i), (i, 1)]).collect()));
        let (from, way) = (placement.centres[0], placement.centres[1] - placement.centres[0]);
        for place in &placement.centres[2..] {
            let d = *place - from;
            let part = (d.x * way.x + d.y * way.y) / (way.length() * way.length());
            assert!((0.0..1.0).contains(&part), "{shared} shared: {part}");
        }
    }
}

#[test]
fn a_circle_of_many_nodes_leaves_its_page_filled() {
    for nodes in [30, 300, 3000] {
        let problem = alike(nodes, (1..nodes).map(|i| (i, i / 10)).collect());
        let placement = check("circular", &problem);
        let (low, high) = point::bounds(&placement.centres, &problem.boxes);
        let page = (high.x - low.x) * (high.y - low.y) / (nodes as f64 * 120.0 * 40.0);
        assert!(page < 24.0, "{nodes} nodes: {page} times their boxes");
    }
}

#[test]
fn a_page_is_landscape_and_filled() {
    for pairs in [10, 100, 3000] {
        let problem = alike(2 * pairs, (0..pairs).map(|i| (2 * i, 2 * i + 1)).collect());
        let placement = Engine::by_name("auto").unwrap().layout().place(&problem).unwrap();
        let (low, high) = point::bounds(&placement.centres, &problem.boxes);
        let shape = (high.x - low.x) / (high.y - low.y);
        assert!((1.0..2.2).contains(&shape), "{pairs} pairs: {shape}");
    }
}

#[test]
fn tiers_stand_one_below_another() {
    let mut problem = star(60);
    problem.tiers = (0..61).map(|node| u8::from(node % 3 == 0) + u8::from(node == 0)).collect();
    let placement = check("tiers", &problem);
    for a in 0..61 {
        for b in (0..61).filter(|&b| problem.tiers[a] < problem.tiers[b]) {
            assert!(placement.centres[a].y < placement.centres[b].y, "{a} {b}");
        }
    }
}

#[test]
fn who_contacts_stands_left_of_whom() {
    let mut problem = alike(7, vec![(0, 1), (1, 0), (1, 2), (2, 1), (3, 1), (4, 1), (5, 4), (6, 5)]);
    problem.forward = vec![true, false, true, false, true, true, true, true];
    let placement = check("layered", &problem);
    for (&(a, b), _) in problem.edges.iter().zip(&problem.forward).filter(|(_, forward)| **forward) {
        assert!(placement.centres[a].x < placement.centres[b].x, "{a} {b}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn groups_stay_in_frames_that_do_not_overlap(
        problem in graphs(),
        picks in prop::collection::vec(0_usize..6, 60),
        widths in prop::collection::vec(0.0_f64..200.0, 4),
    ) {
        let groups: Vec<Option<usize>> =
            picks[..problem.boxes.len()].iter().map(|&pick| (pick < 4).then_some(pick)).collect();
        let mut problem = problem;
        problem.tiers = (0..problem.boxes.len()).map(|node| ((picks[node] + node) % 3) as u8).collect();
        for engine in ["auto", "circular", "tiers", "layered"] {
            let layout = Engine::by_name(engine).unwrap().layout();
            let (placement, frames) = grouped::place(&problem, &groups, &widths, &*layout).unwrap();
            prop_assert_eq!(overlaps(&placement.centres, &problem.boxes), vec![]);
            for (node, group) in groups.iter().enumerate() {
                let half = problem.boxes[node] * 0.5;
                let (low, high) = (placement.centres[node] - half, placement.centres[node] + half);
                let mut framed = 0;
                for frame in &frames {
                    let (from, to) = frame.corners;
                    let inside = from.x <= low.x && from.y <= low.y && high.x <= to.x && high.y <= to.y;
                    let outside = high.x <= from.x || to.x <= low.x || high.y <= from.y || to.y <= low.y;
                    let own = inside && *group == Some(frame.group);
                    framed += usize::from(own);
                    prop_assert!(own || outside, "{}: node {}, {:?}", engine, node, frame);
                }
                prop_assert_eq!(framed, usize::from(group.is_some()), "{}: node {}", engine, node);
            }
            let Some(bands) = layout.bands(&problem) else { continue };
            let ahead = |p: Point| if bands.rows { p.y } else { p.x };
            for a in 0..groups.len() {
                for b in (0..groups.len()).filter(|&b| bands.of_node[a] < bands.of_node[b]) {
                    let (a, b) = (placement.centres[a], placement.centres[b]);
                    prop_assert!(ahead(a) < ahead(b), "{}: {:?} {:?}", engine, a, b);
                }
            }
        }
    }
}

fn graphs() -> impl Strategy<Value = Problem> {
    (1_usize..60).prop_flat_map(|nodes| {
        let boxes = prop::collection::vec((0.0_f64..300.0, 0.0_f64..90.0), nodes);
        let edges = prop::collection::vec((0..nodes, 0..nodes), 0..(2 * nodes));
        (boxes, edges).prop_map(|(boxes, edges)| {
            Problem::new(boxes.into_iter().map(|(x, y)| Point::new(x, y)).collect(), edges)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_graph_is_placed(problem in graphs()) {
        for engine in ["auto", "circular", "tiers", "layered"] {
            check(engine, &problem);
        }
    }

    #[test]
    fn separating_leaves_no_overlap(
        items in prop::collection::vec((-50.0_f64..50.0, -50.0_f64..50.0, 0.0_f64..200.0, 0.0_f64..50.0), 0..80)
    ) {
        let mut centres: Vec<Point> = items.iter().map(|i| Point::new(i.0, i.1)).collect();
        let boxes: Vec<Point> = items.iter().map(|i| Point::new(i.2, i.3)).collect();
        overlap::separate(&mut centres, &boxes, 4.0);
        prop_assert_eq!(overlaps(&centres, &boxes), vec![]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn any_number_of_threads_places_the_same(seed in 0_u64..1000) {
        // Large enough that each stage shares its work out.
        let mut random = random::Random::new(seed);
        let mut pick = |below: usize| (random.unit() * below as f64) as usize;
        let mut edges: Vec<_> = (1..250).flat_map(|node| [(node, pick(node)), (node, pick(node))]).collect();
        // Middling and large graphs are relaxed each in their own way.
        let nodes = if seed % 2 == 0 { 900 } else { 2500 };
        edges.extend((250..nodes).map(|leaf| (leaf, pick(250))));
        let boxes = (0..nodes).map(|_| Point::new(60.0 + pick(70) as f64, 40.0)).collect();
        let problem = Problem::new(boxes, edges);
        let place = |threads| parallel::by(threads, || Auto.place(&problem).unwrap().centres);
        let one = place(1);
        prop_assert!([2, 3, 7].into_iter().all(|threads| place(threads) == one));
    }
}
