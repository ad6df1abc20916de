//! The shape of what the templates see. Each field is text that is ready but not escaped.

use serde::Serialize;

use crate::dress::drawing;

/// Everything that a page shows.
#[derive(Serialize)]
pub struct ReportView {
    pub title: String,
    pub status: &'static str,
    pub status_class: &'static str,
    pub case: String,
    pub facts: Vec<Fact>,
    pub verdict: Vec<ClaimView>,
    pub impact: Vec<ClaimView>,
    pub alarms: Vec<AlarmView>,
    pub symptoms: Vec<SymptomView>,
    pub causes: Vec<CauseView>,
    pub unknown: Option<UnknownView>,
    pub timeline: Vec<MomentView>,
    pub ruled_out: Vec<RuledOutView>,
    pub latent: Vec<AboutView>,
    pub gaps: Vec<GapView>,
    pub ranking: Vec<RankedView>,
    pub precedents: Vec<PrecedentView>,
    pub evidence: Vec<EvidenceView>,
    pub queries: Vec<QueryView>,
    pub cost: Vec<Fact>,
    /// Live sources, and what the look cost them.
    pub sources: Vec<(String, String)>,
    pub pictures: Vec<PictureView>,
    pub path: Option<drawing::Pair>,
    pub timeline_drawing: Option<drawing::Pair>,
}

#[derive(Serialize)]
pub struct Fact {
    pub name: &'static str,
    pub value: String,
}

#[derive(Serialize)]
pub struct ClaimView {
    pub id: String,
    pub text: String,
    pub evidence: Vec<String>,
}

#[derive(Serialize)]
pub struct AlarmView {
    pub rule: String,
    pub entity: String,
    pub fired: String,
    pub state: &'static str,
    pub seen: String,
    pub summary: String,
}

#[derive(Serialize)]
pub struct SymptomView {
    pub entity: String,
    pub aspect: String,
    pub active: bool,
    pub onset: String,
    pub size: String,
    pub claim: ClaimView,
}

#[derive(Serialize)]
pub struct CauseView {
    pub place: usize,
    pub title: String,
    pub entity: String,
    pub kind: &'static str,
    pub category: &'static str,
    pub mechanism: String,
    pub change: Option<String>,
    pub word: &'static str,
    pub confidence: String,
    pub percent: String,
    pub onset: Option<String>,
    pub caps: Vec<String>,
    pub claim: ClaimView,
    pub path: Vec<StepView>,
    pub supports: Vec<ClaimView>,
    pub contradicts: Vec<ClaimView>,
    pub predictions: Vec<PredictionView>,
    pub without: Vec<String>,
    pub mitigations: Vec<MitigationView>,
    pub score: Vec<Term>,
    pub total: String,
}

#[derive(Serialize)]
pub struct StepView {
    pub from: String,
    pub to: String,
    pub how: &'static str,
    pub evidence: Vec<String>,
    /// Does this step go on where the one before ended?
    pub continues: bool,
}

#[derive(Serialize)]
pub struct PredictionView {
    pub force: String,
    pub text: String,
    pub outcome: &'static str,
    pub evidence: Vec<String>,
}

#[derive(Serialize)]
pub struct MitigationView {
    pub action: String,
    pub steps: Vec<Fact>,
}

#[derive(Serialize)]
pub struct Term {
    pub name: &'static str,
    pub value: String,
    pub sign: &'static str,
}

#[derive(Serialize)]
pub struct UnknownView {
    pub claim: ClaimView,
    pub entities: Vec<String>,
    pub symptoms: Vec<String>,
    pub reads: Vec<String>,
}

#[derive(Serialize)]
pub struct MomentView {
    pub day: Option<String>,
    pub at: String,
    pub machine_at: String,
    pub until: Option<String>,
    pub kind: String,
    pub kind_class: &'static str,
    pub entity: Option<String>,
    pub claim: ClaimView,
}

#[derive(Serialize)]
pub struct RuledOutView {
    pub entity: String,
    pub mechanism: Option<String>,
    pub change: Option<String>,
    pub reason: String,
    pub claim: ClaimView,
}

#[derive(Serialize)]
pub struct AboutView {
    pub entity: String,
    pub claim: ClaimView,
}

#[derive(Serialize)]
pub struct GapView {
    pub wanted: String,
    pub entity: Option<String>,
    pub why: &'static str,
    pub detail: String,
    pub affects: Vec<String>,
    pub gain: Option<String>,
    pub how_to_close: String,
}

#[derive(Serialize)]
pub struct RankedView {
    pub place: usize,
    pub entity: String,
    pub mechanism: Option<String>,
    pub change: Option<String>,
    pub score: String,
    pub confidence: String,
}

#[derive(Serialize)]
pub struct PrecedentView {
    pub case: String,
    pub day: String,
    pub similarity: String,
    pub was: String,
    pub put_right: String,
    pub alike: String,
    pub claim: ClaimView,
}

#[derive(Serialize)]
pub struct EvidenceView {
    pub id: String,
    pub source: &'static str,
    pub polarity: &'static str,
    pub polarity_class: &'static str,
    pub entity: Option<String>,
    pub says: String,
    pub query: String,
    /// Language and question, for each live source that was asked in its own words.
    pub own_words: Vec<(String, String)>,
    pub window: Option<String>,
    pub statistic: String,
    pub arguments: Vec<(String, String)>,
    pub values: Vec<(String, String)>,
    pub weight: String,
    pub quality: String,
    pub raw: Vec<String>,
    pub digest: String,
    pub cited_by: Vec<String>,
}

#[derive(Serialize)]
pub struct QueryView {
    pub query: String,
    pub answer: String,
    pub rows: String,
}

#[derive(Serialize)]
pub struct PictureView {
    pub title: String,
    pub entity: String,
    pub evidence: String,
    pub svg: String,
}
