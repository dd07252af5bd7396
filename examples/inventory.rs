//! Embeds the pipeline and adds what an inventory of your own knows: `inventory CAPTURE CSV OUT.svg`.
//!
//! The CSV has a header line, then `address,name,owner`.

use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File};

use pcapviz_core::enrich::{EnrichError, Enriched, Enricher};
use pcapviz_core::graph::{Name, NameSource};
use pcapviz_core::render::{Format, RenderOptions, render};
use pcapviz_core::{Annotations, GraphLayer, NodeId, Pipeline};

/// Names and owners by address.
struct Inventory(HashMap<String, (String, String)>);

impl Inventory {
    fn parse(csv: &str) -> Self {
        let rows = csv.lines().skip(1).filter_map(|line| {
            let mut cells = line.split(',').map(str::trim);
            Some((cells.next()?.to_owned(), (cells.next()?.to_owned(), cells.next()?.to_owned())))
        });
        Self(rows.collect())
    }
}

impl Enricher for Inventory {
    fn title(&self) -> &str {
        "inventory"
    }

    fn enrich(&self, nodes: &[NodeId], annotations: &mut Annotations) -> Result<Enriched, EnrichError> {
        let mut enriched = Enriched::default();
        for node in nodes {
            if let Some((name, owner)) = self.0.get(&node.to_string()) {
                let notes = annotations.entry(*node);
                notes.names.push(Name::new(NameSource::Given, name.as_str()));
                notes.extra.insert("owner".to_owned(), owner.clone());
                enriched.nodes += 1;
            }
        }
        Ok(enriched)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [capture, csv, out] = arguments.as_slice() else {
        return Err("usage: inventory CAPTURE CSV OUT.svg".into());
    };
    let inventory = Inventory::parse(&fs::read_to_string(csv)?);

    let mut report = Pipeline::new().capture(capture).run();
    if let Some(failure) = report.failures.pop() {
        return Err(failure.into());
    }
    report.enrich(&inventory)?;
    let graph = report.graph(GraphLayer::Hosts);
    let format = Format::of_path(out.as_ref())?;
    render(&report.view(&graph), &RenderOptions::default(), format, &mut File::create(out)?)?;
    Ok(())
}
