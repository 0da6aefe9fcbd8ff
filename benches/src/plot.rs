//! The plot: tokens per second, with one panel per algorithm.

use std::fmt::Write;

use crate::Kind;
use crate::measure::{Outcome, spread};

const PANELS: &[&str] = &["RS256-2048", "PS256-2048", "ES256", "EdDSA"];
const WIDTH: f64 = 860.0;
const LABELS: f64 = 290.0;
const BARS: f64 = 470.0;
const ROW: f64 = 19.0;

/// Draws the panels as SVG.
pub fn draw(outcomes: &[Outcome], cpu: &str) -> String {
    let mut body = String::new();
    let mut y = 58.0;
    for panel in PANELS {
        y = draw_panel(&mut body, panel, outcomes, y);
    }
    let height = y + 8.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"22\" font-size=\"16\" font-weight=\"600\">Signed tokens per second, one \
         thread</text>\n\
         <text x=\"12\" y=\"40\" fill=\"#666\">{}. Blue: countersign. Grey: the bare signature. \
         Orange: others.</text>\n{body}</svg>\n",
        escape(cpu)
    )
}

/// Draws one panel and returns the y coordinate below it.
fn draw_panel(body: &mut String, group: &str, outcomes: &[Outcome], top: f64) -> f64 {
    let mut rows: Vec<(&Outcome, f64)> = outcomes
        .iter()
        .filter(|o| o.group == group)
        .map(|o| (o, 1e6 / spread(&o.micros).0))
        .collect();
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    let most = rows.first().map_or(1.0, |row| row.1);
    let mut y = top + 14.0;
    let _ = writeln!(
        body,
        "<text x=\"12\" y=\"{y}\" font-weight=\"600\">{group}</text>"
    );
    y += 8.0;
    for (outcome, per_second) in rows {
        let (colour, weight) = match outcome.kind {
            Kind::Ours => ("#2563eb", "600"),
            Kind::Floor => ("#9ca3af", "400"),
            Kind::Peer => ("#f59e0b", "400"),
        };
        let width = (BARS * per_second / most).max(1.0);
        let middle = y + ROW - 6.0;
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\" font-weight=\"{weight}\">{}</text>\
             <rect x=\"{LABELS}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{middle}\" fill=\"#444\">{per_second:.0}</text>",
            LABELS - 8.0,
            escape(&outcome.name),
            y + 2.0,
            ROW - 5.0,
            LABELS + width + 6.0,
        );
        y += ROW;
    }
    y + 10.0
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
