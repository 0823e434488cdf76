//! What the distribution column draws.

use super::LiveRun;
use crate::domain::{Mode, Pane};

/// One way to look at the distributions of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Chart {
    /// Each method's shares beside those of the populations. Where there is room, the charts of all methods follow.
    #[default]
    Bars,
    /// The options where they lie on their scale, and the means.
    Scale,
    /// The methods side by side: what the model would say, does say, says that people say.
    Together,
    /// How far every method is from every population that the question knows.
    Groups,
    /// The weights of a mixture of personas, to be moved by hand.
    Weights,
    /// The distribution in each order of the options.
    Orders,
    /// The next tokens behind the mass on the options.
    Tokens,
    /// How the shares settled while answers came in.
    Settling,
}

impl Chart {
    /// In the order in which a key goes through them.
    pub const ALL: [Self; 8] = [
        Self::Bars,
        Self::Scale,
        Self::Together,
        Self::Groups,
        Self::Weights,
        Self::Orders,
        Self::Tokens,
        Self::Settling,
    ];

    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bars => "bars",
            Self::Scale => "scale",
            Self::Together => "together",
            Self::Groups => "groups",
            Self::Weights => "weights",
            Self::Orders => "orders",
            Self::Tokens => "tokens",
            Self::Settling => "settling",
        }
    }

    /// Whether `run` has anything to draw it from.
    fn is_there(self, run: &LiveRun) -> bool {
        let question = &run.spec.question;
        let panes = || run.column(Mode::Distribution).filter_map(|pane| pane.picture.as_deref());
        let has = |holds: &dyn Fn(&Pane) -> bool| panes().any(holds);
        let known = panes().filter(|pane| pane.p.is_some()).count();
        match self {
            Self::Bars => run.column(Mode::Distribution).next().is_some(),
            Self::Scale => known > 0 && question.positions().is_some(),
            Self::Together => known > 1,
            Self::Groups => known > 0 && question.references.len() > 1,
            Self::Weights => has(&|pane| pane.mixture.is_some()),
            Self::Orders => has(&|pane| pane.per_order.len() > 1),
            Self::Tokens => has(&|pane| !pane.top.is_empty()),
            Self::Settling => has(&|pane| pane.draws.iter().any(Option::is_some)),
        }
    }
}

impl LiveRun {
    /// The charts there is something for.
    pub fn charts(&self) -> Vec<Chart> {
        Chart::ALL.into_iter().filter(|chart| chart.is_there(self)).collect()
    }

    /// The chart that is drawn where `wanted` was chosen: what is not there gives way to the bars.
    pub fn chart(&self, wanted: Chart) -> Chart {
        if wanted.is_there(self) { wanted } else { Chart::Bars }
    }

    /// Whether a pane keeps its shares over all options, those that give no opinion too.
    pub fn has_whole(&self) -> bool {
        self.column(Mode::Distribution).filter_map(|pane| pane.picture.as_deref()).any(|pane| pane.p_whole.is_some())
    }
}
