//! The captures in a folder.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::{CaptureError, Decoder, Input, decompressed, format};

/// Every capture in a folder and the folders below it, told by content (through compression), sorted by path.
///
/// Follows symbolic links, and enters each folder once, so loops do no harm. Looks at regular files only, never
/// at pipes or devices. A file or folder below `dir` that cannot be read is in the list as well, so that
/// opening it says why instead of nobody noticing.
///
/// Reads the first bytes of each file.
///
/// # Errors
/// If `dir` cannot be read, or there is no capture in it.
///
/// ```no_run
/// use std::path::Path;
/// use pcapviz_capture::{CaptureReader, captures_in};
///
/// for path in captures_in(Path::new("/var/captures"))? {
///     println!("{}: {}", path.display(), CaptureReader::open(&path)?.format());
/// }
/// # Ok::<(), pcapviz_capture::CaptureError>(())
/// ```
pub fn captures_in(dir: &Path) -> Result<Vec<PathBuf>, CaptureError> {
    let mut found = Vec::new();
    let mut entered = HashSet::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        // Two ways to the same folder have the same canonical path.
        let entries = fs::canonicalize(&folder).and_then(|real| {
            let first = entered.insert(real);
            if first { list(&folder) } else { Ok(Vec::new()) }
        });
        match entries {
            Ok(entries) => {
                for path in entries {
                    match fs::metadata(&path) {
                        Ok(metadata) if metadata.is_dir() => folders.push(path),
                        Ok(metadata) if metadata.is_file() && may_be_capture(&path) => found.push(path),
                        // Pipes, devices, other files, and links to nothing.
                        _ => {}
                    }
                }
            }
            Err(source) if folder == dir => return Err(CaptureError::Open { path: folder, source }),
            Err(_) => found.push(folder),
        }
    }
    if found.is_empty() {
        return Err(CaptureError::NoCaptures { path: dir.into() });
    }
    found.sort();
    Ok(found)
}

fn list(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

/// Whether the content is a capture's, or cannot be looked at.
fn may_be_capture(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return true };
    // No thread: only the first bytes are decompressed.
    match decompressed(path, Box::new(file), |decoder| Ok(Input::Here(decoder))) {
        Ok((mut source, _)) => match Decoder::detect(path, &mut source) {
            Ok(_) | Err(CaptureError::CutShort { .. }) => true,
            // A capture of a version that is not read, but not an archive, which may hold anything.
            Err(CaptureError::Unsupported { .. }) => format::archive(source.window()).is_none(),
            Err(_) => false,
        },
        Err(_) => false,
    }
}
