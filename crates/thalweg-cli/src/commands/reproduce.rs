//! `thalweg reproduce`.

use super::{print_json, print_text};
use crate::args::Common;
use crate::exit::{DONE, Failure, LIMIT};
use crate::progress::TrialBar;
use crate::signals::Interrupt;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;
use thalweg::comm::Comm;
use thalweg_lab::experiment::{AnyExperiment, Bench, Document, Reproduction, Scale, Shard, Store, TrialJob, run_trials, usual_data_folder};
use thalweg_lab::{experiments_of, listed, papers};

/// `reproduce`.
#[derive(Debug, Args)]
pub struct ReproduceArgs {
    /// The paper.
    pub paper: Option<String>,
    /// Its figure, table or theorem; without it, all of them.
    pub item: Option<String>,
    /// How much of it to do.
    #[arg(long, value_enum, default_value = "reduced")]
    pub scale: ScaleArg,
    /// The folder of data sets.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Do part I of N parts only: for N machines, whose results are merged.
    #[arg(long, value_name = "I/N", default_value = "1/1", value_parser = parse_shard)]
    pub shard: Shard,
    /// Take over the trials of another output folder first.
    #[arg(long, value_name = "DIR")]
    pub merge: Vec<PathBuf>,
    /// List papers and items with the number of trials at each scale.
    #[arg(long)]
    pub list: bool,
}

/// How much of an experiment to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScaleArg {
    /// Seconds: that everything runs.
    Smoke,
    /// Minutes: every statement checked, with larger error bars.
    Reduced,
    /// As in the paper, or beyond.
    Full,
}

impl From<ScaleArg> for Scale {
    fn from(arg: ScaleArg) -> Self {
        match arg {
            ScaleArg::Smoke => Scale::Smoke,
            ScaleArg::Reduced => Scale::Reduced,
            ScaleArg::Full => Scale::Full,
        }
    }
}

/// What `reproduce --json` prints for several items; one item is its record.
#[derive(Serialize)]
struct Items<'a> {
    schema: u32,
    command: &'static str,
    items: Vec<Document<'a>>,
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
    /// The ranks among which trials are divided. The first writes the pages and prints.
    pub comm: &'a dyn Comm,
}

pub fn run(args: &ReproduceArgs, common: &Common, comm: &dyn Comm) -> Result<u8, Failure> {
    if args.list {
        return if comm.rank() == 0 { list(args, common) } else { Ok(DONE) };
    }
    let Some(paper) = &args.paper else {
        return Err(Failure::Usage(format!("which paper? one of: {}; --list tells the items", papers().join(", "))));
    };
    let experiments = experiments_of(paper, args.item.as_deref().unwrap_or("all"))?;
    let dir = common.output.clone().unwrap_or_else(|| PathBuf::from(format!("thalweg-{}", experiments[0].about().paper)));
    Plan { experiments, scale: args.scale.into(), shard: args.shard, merge: &args.merge, data: args.data.clone(), dir, comm }.carry_out(common)
}

impl Plan<'_> {
    /// Runs what is not done, writes the pages, and prints what is known.
    pub fn carry_out(self, common: &Common) -> Result<u8, Failure> {
        let (dir, comm, is_first) = (&self.dir, self.comm, self.comm.rank() == 0);
        let common = &Common { quiet: common.quiet || !is_first, ..common.clone() };
        std::fs::create_dir_all(dir).map_err(|source| Failure::Output(thalweg::Error::Io { path: dir.clone(), source }))?;
        let store = Store::open(&dir.join("trials.sqlite")).map_err(Failure::Output)?;
        comm.all_have(if is_first { self.take_over(&store, common) } else { Ok(()) })?;
        let bench = Bench::new(self.data.clone().or_else(usual_data_folder)).keeping(dir.join("checkpoints"));
        let interrupt = Interrupt::listen();
        let begin = std::time::Instant::now();
        let mut is_complete = true;
        let mut done: Vec<Reproduction> = Vec::new();
        for &experiment in &self.experiments {
            let about = experiment.about();
            common.detail(format_args!("{} {}: {}", about.paper, about.item, about.title));
            let bar = TrialBar::new(common.quiet);
            let left = common.max_time.map(|limit| Duration::from_secs_f64(limit).saturating_sub(begin.elapsed()));
            let job = TrialJob {
                experiment,
                scale: self.scale,
                shard: self.shard.of_rank(comm.rank(), comm.size()),
                store: &store,
                bench: &bench,
                threads: common.thread_count(),
                max_time: left,
                stop: &interrupt.flag,
                observe: &|tally| bar.observe(tally.done, tally.all),
            };
            let outcome = run_trials(&job);
            bar.finish();
            let tally = comm.all_have(outcome)?;
            is_complete &= comm.agree(Ok([f64::from(u8::from(tally.is_complete()))]))?.iter().all(|one| one[0] == 1.0);
            if !is_first {
                continue;
            }
            let known = Reproduction::known(experiment, self.scale, &store, &bench)?;
            let page = known.write(dir).map_err(Failure::Output)?;
            if !common.json {
                print_text(&format!("{}; {}\n", known.in_words(), page.display()))?;
            }
            done.push(known);
        }
        if common.json && is_first {
            match &done[..] {
                [known] => print_json(&known.document())?,
                all => {
                    let items = all.iter().map(Reproduction::document).collect();
                    print_json(&Items { schema: 1, command: "reproduce", items })?;
                }
            }
        }
        Ok(if is_complete || !is_first { DONE } else { interrupt.exit_code().unwrap_or(LIMIT) })
    }

    /// The trials of other folders.
    fn take_over(&self, store: &Store, common: &Common) -> Result<(), Failure> {
        for other in self.merge {
            let path = if other.is_dir() { other.join("trials.sqlite") } else { other.clone() };
            let merged = store.merge(&path)?;
            common.say(format_args!("{}: {} trials added, {} known", path.display(), merged.added, merged.known));
        }
        Ok(())
    }
}

fn list(args: &ReproduceArgs, common: &Common) -> Result<u8, Failure> {
    let bench = Bench::new(args.data.clone().or_else(usual_data_folder));
    let listed = listed(args.paper.as_deref(), &bench)?;
    if common.json {
        print_json(&listed)?;
    } else {
        // an item on data has no trials where there are no data
        let count = |trials: usize| if trials == 0 { "-".to_owned() } else { trials.to_string() };
        let row = |l: &thalweg_lab::Listed| {
            let [smoke, reduced, full] = l.trials.map(count);
            format!("{:<16} {:<14} {smoke:>7} {reduced:>8} {full:>7}  {}\n", l.paper, l.item, l.title)
        };
        let note = if listed.iter().any(|l| l.trials.contains(&0)) { "- needs data sets: --data DIR (thalweg data list)\n" } else { "" };
        let rows: String = listed.iter().map(row).collect();
        print_text(&format!("{:<16} {:<14} {:>7} {:>8} {:>7}  what\n{rows}{note}", "paper", "item", "smoke", "reduced", "full"))?;
    }
    Ok(DONE)
}

/// `I/N`.
pub fn parse_shard(text: &str) -> Result<Shard, String> {
    let expected = || "expected I/N: part I, from 1 to N, of N parts".to_owned();
    let (number, of) = text.split_once('/').ok_or_else(expected)?;
    let shard = Shard { number: number.parse().map_err(|_| expected())?, of: of.parse().map_err(|_| expected())? };
    if (1..=shard.of).contains(&shard.number) { Ok(shard) } else { Err(expected()) }
}
