//! DOT, Graphviz's language: the graph with the labels and looks of the picture, without positions.

use std::io::Write;

use pcapviz_graph::Share;

use crate::belonging::Belonging;
use crate::caption::{NodeCaption, edge_protocols, edge_tooltip, edge_volume, node_tooltip};
use crate::escape::dot as escape;
use crate::function::Function;
use crate::theme::Family;
use crate::{RenderError, RenderOptions, View, scene};

pub(super) fn write(
    view: &View<'_>,
    options: &RenderOptions<'_>,
    out: &mut dyn Write,
) -> Result<(), RenderError> {
    let out = &mut std::io::BufWriter::new(out);
    let theme = options.theme;
    writeln!(out, "digraph pcapviz {{")?;
    writeln!(
        out,
        "  graph [label=\"{}\", labelloc=t, fontname=\"Noto Sans,Helvetica,Arial\", overlap=false, splines=true];",
        lines(scene::headline(view).iter())
    )?;
    writeln!(out, "  node [fontname=\"Noto Sans,Helvetica,Arial\", fontsize=10, style=filled];")?;
    writeln!(
        out,
        "  edge [fontname=\"Noto Sans,Helvetica,Arial\", fontsize=8, fontcolor=\"{}\"];",
        theme.ink_soft()
    )?;
    let functions = Function::of(view);
    let all: Vec<usize> = (0..view.graph.nodes().len()).collect();
    let belonging = Belonging::of(view, all.chunks(1), options.color_by);
    for (i, (node, function)) in view.graph.nodes().iter().zip(functions).enumerate() {
        let (role, region) = belonging.spot(i);
        let (shape, style) = options.shape.unwrap_or(function.shape()).graphviz();
        let (fill, line) = theme.label_place(role, region);
        write!(
            out,
            "  \"{}\" [label=\"{}\", shape={shape}, fillcolor=\"{fill}\", color=\"{line}\", class=\"{}\", tooltip=\"{}\"",
            node.id,
            lines(NodeCaption::of(view, node).lines()),
            role.class(),
            lines(node_tooltip(view, node).lines()),
        )?;
        match (shape, style) {
            ("plaintext", _) => write!(out, ", style=\"\"")?,
            // A point has no room: the label stands beside it.
            ("point", _) => write!(out, ", xlabel=\"{}\"", lines(NodeCaption::of(view, node).lines()))?,
            (_, "") => {}
            (_, style) => write!(out, ", style=\"filled,{style}\"")?,
        }
        writeln!(out, "];")?;
    }
    let most = scene::busiest_edge(view.graph.edges());
    for (i, edge) in view.graph.edges().iter().enumerate() {
        let of_share = |share: Share| (Family::of(share.protocols), share.traffic.bytes);
        let families = Family::by_bytes(view.graph.shares(i).map(of_share));
        let family = families.first().map_or(Family::NonIp, |(family, _)| *family);
        let [source, target] = [edge.source, edge.target].map(|i| view.graph.nodes()[i].id);
        let notes = view.annotations.edge(source, target);
        writeln!(
            out,
            "  \"{}\" -> \"{}\" [label=\"{}\", penwidth={:.2}, color=\"{}\", class=\"{}\", tooltip=\"{}\"];",
            source,
            target,
            lines([&*edge_volume(edge), &*edge_protocols(edge, notes)].into_iter()),
            scene::line_width(edge.traffic.bytes, most, view.graph.edges().len()),
            theme.stroke(family),
            family.class(),
            lines(edge_tooltip(edge, notes, &source.to_string(), &target.to_string()).lines()),
        )?;
    }
    writeln!(out, "}}")?;
    out.flush()?;
    Ok(())
}

/// Lines of a label, each escaped, with DOT's own line break between them.
fn lines<S: AsRef<str>>(lines: impl Iterator<Item = S>) -> String {
    lines.map(|line| escape(line.as_ref()).into_owned()).collect::<Vec<_>>().join("\\n")
}
