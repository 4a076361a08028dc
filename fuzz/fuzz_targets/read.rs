//! Any bytes under the name of a file of one format, which the environment variable THALWEG_FORMAT names: finite numbers or a typed error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::path::PathBuf;
use thalweg::Error;
use thalweg::data::{FORMATS, Layout, Missing, ReadOptions, read};

const MAX_MEMORY: u64 = 1 << 20;

/// A folder with the format's sample, and the file of it that is replaced.
struct Desk {
    _folder: tempfile::TempDir,
    root: PathBuf,
    file: PathBuf,
}

impl Desk {
    fn new() -> Desk {
        let wanted = std::env::var("THALWEG_FORMAT").unwrap_or_else(|_| "npy".to_owned());
        let format = FORMATS.iter().find(|format| format.name == wanted).unwrap_or_else(|| panic!("no format is called {wanted}"));
        let folder = tempfile::tempdir().expect("a folder");
        let files = (format.sample)();
        for (name, bytes) in &files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("inside the folder")).expect("creates");
            std::fs::write(path, bytes).expect("writes");
        }
        let root = folder.path().join(files[0].0.split('/').next().expect("a name"));
        let file = folder.path().join(files[0].0);
        Desk { _folder: folder, root, file }
    }
}

thread_local!(static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) });

fuzz_target!(init: {
    // the reader of sound takes a panic of its decoders, which are another library's, for damage
    let abort = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|at| at.file().contains("symphonia")) {
            abort(panic);
        }
    }));
}, |data: &[u8]| {
    // the first byte says how it is read
    let Some((&how, bytes)) = data.split_first() else { return };
    let missing = [Missing::Error, Missing::Nan, Missing::Absent, Missing::Zero][usize::from(how & 3)];
    let layout = if how & 4 == 0 { Layout::default() } else { Layout::Triplets };
    let columns = (how & 8 != 0).then_some((0, 1));
    let options = ReadOptions { missing, layout, columns, transpose: how & 16 != 0, max_memory: MAX_MEMORY, ..ReadOptions::default() };
    DESK.with_borrow_mut(|desk| {
        let desk = desk.get_or_insert_with(Desk::new);
        let _ = std::fs::remove_file(&desk.file);
        std::fs::write(&desk.file, bytes).expect("writes");
        match read(&desk.root, &options) {
            Ok(data) => {
                let (rows, cols) = data.matrix.shape();
                assert!(rows > 0 && cols > 0);
                assert!((0..rows).all(|i| data.matrix.row_entries(i).all(|(j, x, w)| j < cols && x.is_finite() && w >= 0.0)));
                assert!(data.row_labels.is_none_or(|labels| labels.len() == rows));
                assert!(data.col_labels.is_none_or(|labels| labels.len() == cols));
            }
            Err(Error::Malformed { found, .. }) => assert!(!found.chars().any(char::is_control)),
            Err(Error::Memory { needed, limit: MAX_MEMORY, .. }) => assert!(needed > MAX_MEMORY),
            Err(Error::Parameter { name: "columns", .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    });
});
