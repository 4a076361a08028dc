//! The report holds its shape whatever the run: hostile names, degenerate numbers, missing parts.

mod sample;

use roxmltree::{Document, ParsingOptions};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use thalweg::Factors;
use thalweg::audit::LineFamily;
use thalweg::data::ImageShape;
use thalweg::geometry::Line;
use thalweg_lab::Labels;
use thalweg_lab::figure::{Axis, Cell, Curve, CurveGroup, Curves, Figure, Kind, Style, Tone, figure_of_line, figures_of_alpha, figures_of_families};
use thalweg_lab::report::{ReportFiles, RunView, write_report};

const SMALL: ImageShape = ImageShape { height: 8, width: 6 };

fn parse<'a>(text: &'a str, what: &str) -> Document<'a> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).unwrap_or_else(|error| panic!("{what} is not well-formed: {error}"))
}

/// The page without the inside of its one script, which is not XML.
fn without_script(html: &str) -> String {
    let (head, rest) = html.split_once("<script>").expect("the page has a script");
    let (_, tail) = rest.split_once("</script>").expect("the script ends");
    assert!(!tail.contains("<script"), "one script only");
    format!("{head}{tail}")
}

/// Writes the report, and checks what must hold of every one.
fn written(runs: &[RunView]) -> (tempfile::TempDir, ReportFiles, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = write_report(runs, &folder.path().join("report.html")).expect("the report is written");
    let html = fs::read_to_string(&files.html).expect("the page is UTF-8");
    assert_eq!(html.len() as u64, files.html_bytes);
    check_page(&html);
    for path in &files.figures {
        check_figure_file(path);
    }
    let leftovers = fs::read_dir(folder.path().join("figures")).expect("the folder of figures").count();
    assert_eq!(leftovers, files.figures.len(), "no unfinished file is left");
    (folder, files, html)
}

fn check_page(html: &str) {
    assert!(!html.contains(|c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c)), "nothing invisible");
    let page = without_script(html);
    let document = parse(&page, "the page");
    let mut ids = HashSet::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        assert!(!["script", "img", "iframe", "object", "embed", "base", "form"].contains(&name), "<{name}>");
        for attribute in node.attributes() {
            let value = attribute.value();
            assert!(!attribute.name().starts_with("on"), "{}=", attribute.name());
            match attribute.name() {
                "id" => assert!(ids.insert(value.to_owned()), "id {value} twice"),
                "href" => assert!(value.starts_with('#') || value.starts_with("data:") || value.starts_with("figures/"), "href {value}"),
                "src" => panic!("src {value}"),
                _ => {}
            }
        }
    }
    let names = |tag| document.descendants().filter(move |node| node.has_tag_name(tag));
    for figure in names("figure") {
        assert!(figure.descendants().any(|node| node.tag_name().name() == "svg"), "a figure without a drawing");
    }
    for link in names("a") {
        let target = link.attribute("href").unwrap_or_default();
        assert!(target.strip_prefix('#').is_none_or(|id| ids.contains(id)), "nothing at {target}");
    }
}

fn check_figure_file(path: &Path) {
    let text = fs::read_to_string(path).expect("a figure file is UTF-8");
    if path.extension().is_some_and(|ending| ending == "svg") {
        let document = parse(&text, &path.display().to_string());
        let root = document.root_element();
        assert_eq!(root.tag_name().namespace(), Some("http://www.w3.org/2000/svg"));
        for node in document.descendants().filter(roxmltree::Node::is_element) {
            for attribute in node.attributes() {
                let coordinates = ["x", "y", "width", "height", "cx", "cy", "d", "viewBox", "x1", "x2", "y1", "y2"];
                if coordinates.contains(&attribute.name()) {
                    assert!(!attribute.value().contains(['N', 'i', 'e']), "{}={}", attribute.name(), attribute.value());
                }
            }
        }
    } else {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().expect("a header").len();
        assert!(reader.records().all(|record| record.expect("a record").len() == columns));
    }
}

#[test]
fn sample_reports_are_whole_and_small() {
    for run in [sample::images(SMALL, 30, 5, 4), sample::words()] {
        let (_folder, files, html) = written(std::slice::from_ref(&run));
        assert!(files.html_bytes < 1 << 20);
        let verdict = run.audit.expect("audited").verdict;
        assert!(verdict.lines().all(|sentence| html.contains(sentence)));
    }
}

#[test]
fn several_runs_share_a_page() {
    let mut unaudited = sample::words();
    unaudited.audit = None;
    let (_folder, _, html) = written(&[sample::words(), sample::words(), unaudited]);
    assert!(html.contains("Comparison") && html.contains("thalweg audit"));
}

#[test]
fn no_run_is_no_report() {
    assert!(write_report(&[], Path::new("report.html")).is_err());
}

/// Row R25 of the reliability plan.
const HOSTILE: [&str; 30] = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title><svg onload=alert(1)>",
    "<!-- ",
    "]]>",
    "&lt;b&gt;&amp;",
    "&#x202e;",
    "javascript:alert(1)",
    "=cmd|'/C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r\n=1+1",
    "＝1+1",
    "a,b;c\td",
    "quote \" and ' and `",
    "line\nbreak\r\nand\rmore",
    "\x1b[31mred\x1b[0m\x07",
    "\0\u{1}\u{1f}\u{7f}\u{85}\u{9b}",
    "abc\u{202e}fdp.exe",
    "\u{2066}isolate\u{2069}\u{200f}\u{61c}",
    "zero\u{200b}width\u{feff}",
    "tag\u{e0041}\u{fffe}\u{ffff}",
    "",
    "   ",
    "漢字 🙂 नमस्ते e\u{301}",
    "url(http://example.com/x) @import 'http://example.com'",
];

#[test]
fn names_are_text() {
    for name in HOSTILE {
        named(name);
    }
    named(&"x".repeat(10_240));
    named(&"<&\"'".repeat(2_560));
}

/// A report in which everything that can come from outside is this text.
fn named(name: &str) {
    let mut run = sample::words();
    run.name = name.into();
    run.manifest.input.path = PathBuf::from(name);
    run.manifest.input.notes = vec![name.into(); 2];
    for field in [&mut run.manifest.input.sha256, &mut run.manifest.input.format, &mut run.manifest.input.kind, &mut run.manifest.thalweg] {
        *field = name.into();
    }
    for field in [&mut run.manifest.settings.method, &mut run.manifest.settings.init] {
        *field = name.into();
    }
    run.manifest.input.read.variable = Some(name.into());
    run.labels = Labels { rows: Some(vec![name.into(); 90]), cols: Some(vec![name.into(); 34]) };
    if let Some(audit) = &mut run.audit {
        audit.verdict = name.into();
        audit.uniqueness.why = name.into();
    }
    let bare = RunView { audit: None, history: Vec::new(), ..run.clone() };
    let (_folder, files, html) = written(&[run, bare]);
    assert!(html.len() < 3 << 20, "{} bytes", html.len());
    for path in files.figures.iter().filter(|path| path.extension().is_some_and(|ending| ending == "csv")) {
        let text = fs::read_to_string(path).expect("a figure file is UTF-8");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        for cell in reader.records().flat_map(|record| record.expect("a record").iter().map(str::to_owned).collect::<Vec<_>>()) {
            let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝']) && cell.parse::<f64>().is_err();
            assert!(!formula, "a spreadsheet would run {cell}");
        }
    }
}

/// One way in which a run can be less than usual.
type Defect = fn(&mut RunView);

#[test]
fn degenerate_runs_have_reports() {
    let defects: &[(&str, Defect)] = &[
        ("no history", |run| run.history.clear()),
        ("no result", |run| run.manifest.result = None),
        ("neither", |run| {
            run.history.clear();
            run.manifest.result = None;
            run.audit = None;
        }),
        ("one restart", |run| {
            with_audit(run, |audit| {
                audit.restarts.agreement = None;
                audit.restarts.each.truncate(1);
                audit.restarts.component_agreement.clear();
                audit.pairs.clear();
            })
        }),
        ("no lines", |run| {
            with_audit(run, |audit| {
                audit.lines = None;
                audit.barriers = None;
                audit.pairs.clear();
                audit.families.clear();
            })
        }),
        ("empty families", |run| with_audit(run, |audit| audit.families.iter_mut().for_each(|family| family.lines.clear()))),
        ("no verdict", |run| with_audit(run, |audit| audit.verdict.clear())),
        ("everything is NaN", |run| {
            with_audit(run, |audit| {
                for x in [&mut audit.kkt, &mut audit.tol, &mut audit.objective, &mut audit.relative_error, &mut audit.restarts.spread] {
                    *x = f64::NAN;
                }
                (audit.lower_bound, audit.gap) = (Some(f64::NAN), Some(f64::NAN));
                audit.restarts.component_agreement.fill(f64::NAN);
                audit.restarts.each.iter_mut().for_each(|r| (r.objective, r.cosine_to_best) = (f64::NAN, f64::INFINITY));
                audit.rank.as_mut().expect("rank evidence").singular_values.fill(f64::NAN);
                each_line(audit, |line| line.coefficients = [f64::NAN; 5]);
            })
        }),
        ("zero objective", |run| {
            run.history.iter_mut().for_each(|row| (row.objective, row.kkt) = (0.0, Some(0.0)));
            with_audit(run, |audit| {
                audit.restarts.best = 0.0;
                audit.restarts.each.iter_mut().for_each(|r| r.objective = 0.0);
                audit.lower_bound = Some(0.0);
            });
        }),
        ("history of NaN", |run| run.history.iter_mut().for_each(|row| (row.objective, row.seconds, row.kkt) = (f64::NAN, f64::INFINITY, None))),
        ("one point of history", |run| run.history.truncate(1)),
        ("constant lines", |run| with_audit(run, |audit| each_line(audit, |line| line.coefficients = [3.0, 0.0, 0.0, 0.0, 0.0]))),
        ("huge lines", |run| with_audit(run, |audit| each_line(audit, |line| line.exponent = 4000))),
        ("tiny lines", |run| with_audit(run, |audit| each_line(audit, |line| line.exponent = -4000))),
        ("f64's ends", |run| with_audit(run, |audit| each_line(audit, |line| line.coefficients = [f64::MAX, -f64::MAX, f64::MAX, 5e-324, 0.0]))),
        ("no singular values", |run| with_audit(run, |audit| audit.rank.as_mut().expect("rank evidence").singular_values.clear())),
        ("zero singular values", |run| with_audit(run, |audit| audit.rank.as_mut().expect("rank evidence").singular_values.fill(0.0))),
        ("no factors", |run| run.factors = Factors::zeros(0, 0, 0)),
        ("rank 1", |run| run.factors = Factors::zeros(3, 2, 1)),
        ("factors of NaN", |run| run.factors.as_mut_slice().fill(f64::NAN)),
        ("signed factors", |run| run.factors.as_mut_slice().iter_mut().step_by(3).for_each(|x| *x = -*x)),
        ("many components", |run| run.factors = Factors::zeros(10, 48, 200)),
        ("an image that does not fit", |run| run.manifest.input.image = Some(ImageShape { height: usize::MAX, width: 3 })),
        ("too few labels", |run| run.labels = Labels { rows: Some(vec![]), cols: Some(vec!["one".into()]) }),
        ("nothing observed", |run| run.manifest.input.observed = 0),
        ("everything empty", |run| with_audit(run, |audit| (audit.empty_rows, audit.empty_cols) = ((0..9000).collect(), (0..9000).collect()))),
        ("the best restart is not there", |run| run.manifest.result.as_mut().expect("a result").best = 99),
    ];
    for (what, defect) in defects {
        for mut run in [sample::images(SMALL, 30, 5, 4), sample::words()] {
            defect(&mut run);
            println!("{what}");
            written(&[run]);
        }
    }
}

fn with_audit(run: &mut RunView, change: impl FnOnce(&mut thalweg::audit::Audit)) {
    change(run.audit.as_mut().expect("samples are audited"));
}

fn each_line(audit: &mut thalweg::audit::Audit, change: impl Fn(&mut Line)) {
    audit.families.iter_mut().flat_map(|family| &mut family.lines).for_each(change);
}

#[test]
fn csv_is_the_data() {
    let points = vec![(0.1, 1.0 / 3.0), (0.2, f64::NAN), (1e-300, -5e-324)];
    let group = CurveGroup { label: "g".into(), tone: Tone::Lead, curves: vec![Curve::new("c", points.clone())] };
    let kind = Kind::Curves(Curves { x: Axis::linear("x"), y: Axis::linear("y"), groups: vec![group], levels: vec![] });
    let figure = Figure { id: "f".into(), title: "t".into(), caption: String::new(), alt: String::new(), kind };
    let text = figure.csv();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let read: Vec<(f64, Option<f64>)> = reader
        .records()
        .map(|record| {
            let record = record.expect("a record");
            (record[2].parse().expect("x"), record[3].parse().ok())
        })
        .collect();
    let expected: Vec<_> = points.iter().map(|&(x, y)| (x, y.is_finite().then_some(y))).collect();
    assert_eq!(read, expected);
}

#[test]
fn long_histories_stay_small() {
    let points: Vec<(f64, f64)> = (0..200_000).map(|i| (f64::from(i), (f64::from(i) * 0.01).sin())).collect();
    let curves = (0..20).map(|k| Curve::new(k.to_string(), points.clone())).collect();
    let group = CurveGroup { label: String::new(), tone: Tone::Quiet, curves };
    let kind = Kind::Curves(Curves { x: Axis::linear("x"), y: Axis::linear("y"), groups: vec![group], levels: vec![] });
    let figure = Figure { id: "f".into(), title: "t".into(), caption: String::new(), alt: String::new(), kind };
    let size = figure.svg(Style::Page).len();
    assert!(size < 400_000, "{size} bytes");
}

#[test]
fn many_lines_are_thinned_with_both_extremes() {
    let run = sample::words();
    let audit = run.audit.expect("samples are audited");
    let mut family = LineFamily { kind: audit.families[0].kind, lines: Vec::new() };
    for i in 0..5000 {
        family.lines.push(sample::line([1.0, -2.0, 1.0 + f64::from((i * 37) % 5000), 0.0, 0.0]));
    }
    let least = family.lines.iter().map(|line| line.alpha).fold(f64::INFINITY, f64::min);
    let largest = family.lines.iter().map(|line| line.alpha).fold(f64::NEG_INFINITY, f64::max);
    let figures = [figures_of_families(std::slice::from_ref(&family), 1), figures_of_alpha(&[family], 1)].concat();
    for figure in figures {
        assert!(figure.svg(Style::Page).len() < 200_000);
        let table = figure.summary();
        let column = table.header.iter().position(|name| name == "α").expect("a column of α");
        let alphas: Vec<f64> = table.rows.iter().filter_map(|row| if let Cell::Number(x) = row[column] { Some(x) } else { None }).collect();
        assert!(alphas.contains(&least) && alphas.contains(&largest));
    }
}

#[test]
fn a_line_has_a_figure() {
    let figure = figure_of_line(&sample::line([4.0, -6.0, 3.0, 0.0, 1.0]));
    let svg = figure.svg(Style::File);
    parse(&svg, "the figure");
    assert!(figure.caption.contains("α = 6") && svg.contains("prefers-color-scheme"));
    assert!(!svg.contains("var("), "a file of its own needs no variables");
    let inline = figure.svg(Style::Page);
    let marks = |svg: &str| svg.matches("<path").count();
    assert_eq!(marks(&svg), marks(&inline));
}
