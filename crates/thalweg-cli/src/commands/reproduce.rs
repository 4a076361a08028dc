//! `thalweg reproduce`.

use super::{print_json, print_text};
use crate::args::{Common, ReproduceArgs};
use crate::exit::{DONE, Failure, LIMIT};
use crate::progress::TrialBar;
use crate::signals::Interrupt;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thalweg_lab::EXPERIMENTS;
use thalweg_lab::experiment::{
    About, Agreement, AnyExperiment, Bench, Document, Findings, Key, Reproduction, Scale, Shard, Store, Tally, TrialJob, run_trials,
};

/// What `reproduce --json` prints for several items; one item is its record.
#[derive(Serialize)]
struct Items<'a> {
    schema: u32,
    command: &'static str,
    items: Vec<Document<'a>>,
}

/// What `reproduce --list --json` prints.
#[derive(Serialize)]
struct Listed {
    paper: &'static str,
    item: &'static str,
    title: &'static str,
    claim: &'static str,
    trials: [usize; 3],
}

/// Experiments to run, and where.
pub struct Plan<'a> {
    /// Which.
    pub experiments: Vec<&'a dyn AnyExperiment>,
    /// How much of them.
    pub scale: Scale,
    /// Which part of them.
    pub shard: Shard,
    /// Folders whose trials are taken over first.
    pub merge: &'a [PathBuf],
    /// The folder of data sets.
    pub data: Option<PathBuf>,
    /// Where trials and pages go.
    pub dir: PathBuf,
}

/// An experiment as far as it is done.
struct Known {
    about: About,
    command: String,
    scale: Scale,
    tally: Tally,
    findings: Findings,
}

impl Known {
    fn reproduction(&self) -> Reproduction<'_> {
        Reproduction { about: &self.about, command: &self.command, scale: self.scale, tally: self.tally, findings: &self.findings }
    }
}

pub fn run(args: &ReproduceArgs, common: &Common) -> Result<u8, Failure> {
    if args.list {
        return list(args, common);
    }
    let experiments = chosen(args)?;
    let dir = common.output.clone().unwrap_or_else(|| PathBuf::from(format!("thalweg-{}", experiments[0].about().paper)));
    Plan { experiments, scale: args.scale.into(), shard: args.shard, merge: &args.merge, data: args.data.clone(), dir }.carry_out(common)
}

impl Plan<'_> {
    /// Runs what is not done, writes the pages, and prints what is known.
    pub fn carry_out(self, common: &Common) -> Result<u8, Failure> {
        let dir = &self.dir;
        std::fs::create_dir_all(dir).map_err(|source| Failure::Output(thalweg::Error::Io { path: dir.clone(), source }))?;
        let store = Store::open(&dir.join("trials.sqlite")).map_err(Failure::Output)?;
        for other in self.merge {
            let path = if other.is_dir() { other.join("trials.sqlite") } else { other.clone() };
            let merged = store.merge(&path)?;
            common.say(format_args!("{}: {} trials added, {} known", path.display(), merged.added, merged.known));
        }
        let bench = Bench::new(self.data.clone().or_else(crate::input::usual_folder));
        let interrupt = Interrupt::listen();
        let begin = std::time::Instant::now();
        let mut is_complete = true;
        let mut done: Vec<Known> = Vec::new();
        for &experiment in &self.experiments {
            let about = experiment.about();
            common.detail(format_args!("{} {}: {}", about.paper, about.item, about.title));
            let bar = TrialBar::new(common.quiet);
            let left = common.max_time.map(|limit| Duration::from_secs_f64(limit).saturating_sub(begin.elapsed()));
            let job = TrialJob {
                experiment,
                scale: self.scale,
                shard: self.shard,
                store: &store,
                bench: &bench,
                threads: common.thread_count(),
                max_time: left,
                stop: &interrupt.flag,
                observe: &|tally| bar.observe(tally.done, tally.all),
            };
            let outcome = run_trials(&job);
            bar.finish();
            is_complete &= outcome?.is_complete();
            let known = what_is_known(experiment, self.scale, &store, &bench)?;
            let page = known.reproduction().write(dir).map_err(Failure::Output)?;
            if !common.json {
                print_text(&in_words(&known, &page))?;
            }
            done.push(known);
        }
        if common.json {
            match &done[..] {
                [known] => print_json(&known.reproduction().document())?,
                all => {
                    let items = all.iter().map(|known| known.reproduction().document()).collect();
                    print_json(&Items { schema: 1, command: "reproduce", items })?;
                }
            }
        }
        Ok(if is_complete { DONE } else { interrupt.exit_code().unwrap_or(LIMIT) })
    }
}

/// All that the store holds of the whole experiment, whoever ran it.
fn what_is_known(experiment: &dyn AnyExperiment, scale: Scale, store: &Store, bench: &Bench) -> Result<Known, Failure> {
    let about = experiment.about();
    let trials = experiment.trials(scale, bench);
    let known = store.done(Key { experiment: &about.name(), version: about.version })?;
    let wanted: std::collections::HashSet<&str> = trials.iter().map(String::as_str).collect();
    let done = known.iter().filter(|done| wanted.contains(done.trial.as_str())).count();
    let findings = experiment.findings(scale, &trials, &known)?;
    Ok(Known { about, command: experiment.command(scale), scale, tally: Tally { done, all: trials.len() }, findings })
}

fn chosen(args: &ReproduceArgs) -> Result<Vec<&'static dyn AnyExperiment>, Failure> {
    let papers = || {
        let mut papers: Vec<&str> = EXPERIMENTS.iter().map(|e| e.about().paper).collect();
        papers.dedup();
        papers.join(", ")
    };
    let Some(paper) = &args.paper else { return Err(Failure::Usage(format!("which paper? one of: {}; --list tells the items", papers()))) };
    let of_paper: Vec<_> = EXPERIMENTS.iter().copied().filter(|e| e.about().paper == paper).collect();
    if of_paper.is_empty() {
        return Err(Failure::Usage(format!("no paper is called {paper}; known are: {}", papers())));
    }
    let item = args.item.as_deref().unwrap_or("all");
    let chosen: Vec<_> = of_paper.iter().copied().filter(|e| item == "all" || e.about().item == item).collect();
    if chosen.is_empty() {
        let items: Vec<&str> = of_paper.iter().map(|e| e.about().item).collect();
        return Err(Failure::Usage(format!("{paper} has no item {item}; it has: {}, all", items.join(", "))));
    }
    Ok(chosen)
}

fn list(args: &ReproduceArgs, common: &Common) -> Result<u8, Failure> {
    use thalweg_lab::experiment::Scale::{Full, Reduced, Smoke};
    let bench = Bench::new(args.data.clone().or_else(crate::input::usual_folder));
    let wanted = EXPERIMENTS.iter().filter(|e| args.paper.as_deref().is_none_or(|paper| paper == e.about().paper));
    let listed: Vec<Listed> = wanted
        .map(|experiment| {
            let about = experiment.about();
            let trials = [Smoke, Reduced, Full].map(|scale| experiment.trials(scale, &bench).len());
            Listed { paper: about.paper, item: about.item, title: about.title, claim: about.claim, trials }
        })
        .collect();
    if common.json {
        print_json(&listed)?;
    } else {
        let row = |l: &Listed| format!("{:<16} {:<10} {:>7} {:>8} {:>7}  {}\n", l.paper, l.item, l.trials[0], l.trials[1], l.trials[2], l.title);
        let rows: String = listed.iter().map(row).collect();
        print_text(&format!("{:<16} {:<10} {:>7} {:>8} {:>7}  what\n{rows}", "paper", "item", "smoke", "reduced", "full"))?;
    }
    Ok(DONE)
}

fn in_words(Known { about, tally, findings, .. }: &Known, page: &Path) -> String {
    let counted = |wanted| findings.checks.iter().filter(|check| check.agreement == wanted).count();
    let sentences: String = findings.verdict.iter().map(|sentence| format!("  {sentence}\n")).collect();
    format!(
        "{}: {}\n{sentences}  {} of {} trials; {} statements hold, {} fail, {} stay open; {}\n",
        about.item,
        about.title,
        tally.done,
        tally.all,
        counted(Agreement::Holds),
        counted(Agreement::Fails),
        counted(Agreement::Open),
        page.display()
    )
}

/// `I/N`.
pub fn parse_shard(text: &str) -> Result<Shard, String> {
    let expected = || "expected I/N: part I, from 1 to N, of N parts".to_owned();
    let (number, of) = text.split_once('/').ok_or_else(expected)?;
    let shard = Shard { number: number.parse().map_err(|_| expected())?, of: of.parse().map_err(|_| expected())? };
    if (1..=shard.of).contains(&shard.number) { Ok(shard) } else { Err(expected()) }
}
