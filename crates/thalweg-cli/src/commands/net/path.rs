//! `thalweg net path`.

use super::args::PathArgs;
use super::scene::{Scene, Setting};
use crate::args::Common;
use crate::commands::{print_json, print_text};
use crate::exit::{DONE, Failure};
use serde::Serialize;
use thalweg_net::{NormMode, WayToEnd, ways_to_end};

/// What `net path --json` prints.
#[derive(Serialize)]
struct PathDocument {
    schema: u32,
    command: &'static str,
    points: Vec<Point>,
}

/// One point of the training.
#[derive(Serialize)]
struct Point {
    #[serde(flatten)]
    setting: Setting,
    #[serde(flatten)]
    way: WayToEnd,
}

pub fn run(args: &PathArgs, common: &Common) -> Result<u8, Failure> {
    let scenes = args.files.iter().map(|file| Scene::open(file, &args.measure, common)).collect::<Result<Vec<_>, _>>()?;
    let last = scenes.last().expect("the command line asks for two files");
    let kind = |scene: &Scene| (scene.checkpoint.network.architecture.clone(), scene.checkpoint.network.dim());
    if scenes.iter().any(|scene| kind(scene) != kind(last)) {
        return Err(Failure::Usage("the points of a training are networks of one kind".into()));
    }
    if last.mode != NormMode::Batch && last.checkpoint.network.channels > 0 {
        return Err(Failure::Usage("between two networks no running statistics hold: give --norm batch".into()));
    }
    let path: Vec<Vec<f64>> = scenes.iter().map(|scene| scene.checkpoint.weights.clone()).collect();
    let ways = ways_to_end(&*last.objective(&args.measure.images.data)?, &path, args.points)?;
    if common.json {
        let point = |((file, scene), way): ((_, &Scene), WayToEnd)| Point { setting: scene.setting(file), way };
        let points = args.files.iter().map(AsRef::as_ref).zip(&scenes).zip(ways).map(point).collect();
        print_json(&PathDocument { schema: 1, command: "net path", points })?;
    } else {
        print_text(&args.files.iter().zip(&ways).map(|(file, way)| in_words(&file.display().to_string(), way)).collect::<String>())?;
    }
    Ok(DONE)
}

fn in_words(file: &str, way: &WayToEnd) -> String {
    let number = |x: Option<f64>| x.map_or_else(|| "–".to_owned(), |x| format!("{x:.4}"));
    format!(
        "{file}: loss {:.6}, {:.4} from the end; cosine {}, to the chord {}; curvature {}; barrier {:.6}, star-convexity {}\n",
        way.segment.values[way.segment.values.len() - 1],
        way.distance,
        number(way.cosine),
        number(way.cosine_to_chord),
        number(way.curvature),
        way.segment.barrier,
        if way.star_margin >= 0.0 { "holds at the samples".to_owned() } else { format!("fails by {:.2e}", -way.star_margin) }
    )
}
