//! Reads, dissects and counts the packets of a capture of 40,000 packets made in memory, by one thread: what
//! `instructions.sh` counts the instructions of. With `--baseline` it makes the capture and does not read it.

use std::io::{self, Write};

use pcapviz_benches::traffic;
use pcapviz_capture::{CaptureReader, DissectOptions, Dissector, dissect};
use pcapviz_graph::{FlowBatch, FlowTable};

const PACKETS: usize = 40_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bytes = traffic(PACKETS);
    let (mut table, mut batch) = (FlowTable::new(), FlowBatch::default());
    if std::env::args().all(|argument| argument != "--baseline") {
        let mut reader = CaptureReader::from_bytes("traffic", bytes)?;
        let mut dissector = Dissector::new(DissectOptions::default());
        while let Some(packet) = reader.next_packet()? {
            let found = match dissector.usual(&packet) {
                Some(usual) => {
                    if let Some(quiet) = usual.quiet()
                        && table.observe_quiet_in(&mut batch, 0, &packet, &quiet)
                    {
                        continue;
                    }
                    usual.dissection()
                }
                None => dissect(&packet, dissector.options()),
            };
            table.observe_in(&mut batch, 0, &packet, &found);
        }
        table.settle(&mut batch);
    }
    writeln!(io::stdout(), "{} flows, {} packets", table.len(), table.totals().packets)?;
    Ok(())
}
