//! Writes the captures of `testdata/`: `cargo run -p pcapviz-testkit --bin testdata`.

use std::path::Path;
use std::{fs, io};

use pcapviz_testkit::sample;

fn main() -> io::Result<()> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata"));
    for (name, bytes) in sample::all() {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
