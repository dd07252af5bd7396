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
    for (a, b) in overlaps(&placement.centres, &problem.boxes) {
        panic!("{engine}: boxes {a} and {b} overlap: {:?} {:?}", placement.centres[a], placement.centres[b]);
    }
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
        for engine in ["auto", "circular"] {
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
        check("auto", &problem);
        check("circular", &problem);
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
