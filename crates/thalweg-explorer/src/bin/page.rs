//! Puts the module, its worker, scripts and styles into one HTML file: `explorer-page MODULE.wasm PAGE.html`.

use flate2::{Compression, write::GzEncoder};
use std::io::{self, Write};
use std::path::PathBuf;
use thalweg_lab::figure::base64;
use thalweg_lab::report::{MARK, PAGE_SCRIPT, page_style};

const PAGE: &str = include_str!("../page/page.html");
const EXPLORER_STYLE: &str = include_str!("../page/explorer.css");
const WORKER: &str = include_str!("../page/worker.js");
const SURFACE_SCRIPT: &str = include_str!("../page/surface.js");
const EXPLORER_SCRIPT: &str = include_str!("../page/explorer.js");

fn main() -> io::Result<()> {
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(module), Some(page)) = (paths.next(), paths.next()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "usage: explorer-page MODULE.wasm PAGE.html"));
    };
    let module = std::fs::read(module)?;
    let packed = base64(&packed(&module)?);
    let html = page_around(&packed);
    std::fs::write(&page, &html)?;
    let kib = |bytes: usize| bytes.div_ceil(1024);
    println!("{}: {} KiB, of which the module {} KiB ({} KiB unpacked)", page.display(), kib(html.len()), kib(packed.len()), kib(module.len()));
    Ok(())
}

fn packed(module: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(module)?;
    out.finish()
}

fn page_around(module: &str) -> String {
    let parts = [
        ("page-style", page_style()),
        ("explorer-style", EXPLORER_STYLE.to_owned()),
        ("mark", MARK.to_owned()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("worker", WORKER.to_owned()),
        ("page-script", PAGE_SCRIPT.to_owned()),
        ("surface-script", SURFACE_SCRIPT.to_owned()),
        ("explorer-script", EXPLORER_SCRIPT.to_owned()),
        ("module", module.to_owned()),
    ];
    let lines = PAGE.lines().map(|line| figure(line).unwrap_or_else(|| line.to_owned())).collect::<Vec<_>>().join("\n");
    parts.iter().fold(lines, |page, (name, text)| page.replace(&format!("{{{{{name}}}}}"), text))
}

/// `{{figure id | title | what it means and what it does not show}}`: the frame of a figure that the page draws later.
fn figure(line: &str) -> Option<String> {
    let mut fields = line.strip_prefix("{{figure ")?.strip_suffix("}}")?.split(" | ");
    let (id, title, note) = (fields.next()?, fields.next()?, fields.next()?);
    Some(format!(
        "<figure id=\"{id}\" class=\"column\">\n<figcaption><h3>{title}</h3><p class=\"now\"></p><p class=\"not\">{note}</p></figcaption>\n\
         <div class=\"plot\"><div class=\"scroll\"></div><output class=\"readout\" hidden=\"\"></output></div>\n\
         <details><summary>Data</summary><div class=\"scroll\" tabindex=\"0\"><table><thead></thead><tbody></tbody></table></div></details>\n</figure>"
    ))
}
