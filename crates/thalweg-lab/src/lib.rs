//! Runs on disk, figures and reports.

mod audit;
mod example_files;
pub mod experiment;
mod experiments;
mod export;
mod fit;
mod fitting;
mod flatness;
mod given;
mod manifest;
mod plan;
mod predict;
mod rank;
mod recover;
pub mod report;
mod restart;
mod run_dir;
mod update;
mod view;

pub use audit::audit_run;
pub use example_files::{EXAMPLE_FILES, ExampleFile};
pub use experiments::{EXPERIMENTS, Listed, PARAMETERS, Parameter, Phase, Sweep, experiments_of, listed, papers};
pub use export::{write_factor_tables, write_predictions};
pub use fit::{FitData, FitError, FitJob, Fitted, Judged, Keep, RankBlock, RanksRecord, fit};
pub use fitting::{Held, Needs, batch_size};
pub use flatness::{Effort, FlatnessRecord, even_factors, flatness_of_fit, flatness_of_instance, flatness_of_matrix};
pub use given::{Columns, Given};
pub use manifest::{FitRecord, FitSettings, InputRecord, Labels, Manifest, RestartRecord};
pub use plan::Plan;
pub use predict::{Prediction, predict};
pub use rank::{RankJob, RankSurvey, survey_on_disk};
pub use recover::{
    Certificate, CertificateRecord, DENSE_LIMIT, DeepSparseCertificateRecord, DeepSparseJob, DeepSparseManifest, DeepSparseRecord,
    DeepSparseSettings, EntriesOnRanks, FactoredSettings, InstanceRecord, Proof, RecoverJob, RecoverKind, RecoverManifest, RecoverRecord,
    RecoverSettings, RobustPcaCertificateRecord, RobustPcaJob, RobustPcaManifest, RobustPcaRecord, RobustPcaSettings, TableOf, TableOnRanks, judged,
    judged_separation, read_certificate, recover_in, recover_sparse_in, recovery_problem, separate_in, separation_memory, table_part,
    verify_certificate, verify_deep_sparse, verify_robust_pca,
};
pub use report::{
    HistoryRow, PictureOptions, PixelOrder, RecoveryView, ReportFiles, RunView, Views, write_rank_report, write_recovery_report, write_report,
};
pub use restart::Restart;
pub use run_dir::{Record, RunDir};
pub use thalweg_figure as figure;
pub use thalweg_figure::{Style, figure_of_line};
pub use update::{Update, update};
