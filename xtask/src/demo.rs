//! `cargo xtask demo`: gets tokens with every flow from the sandbox.

mod browser;
mod docusign;
mod salesforce_and_boldsign;
mod stage;

use std::time::Instant;

use self::stage::Stage;
use crate::table;

type Job = fn(&mut Stage) -> Result<(), String>;

const JOBS: &[(&str, Job)] = &[
    ("1 DocuSign JWT grant, RS256 RS384 RS512", docusign::jwt),
    ("2 DocuSign before and after consent", docusign::consent),
    (
        "3 Salesforce JWT at login, My Domain, site",
        salesforce_and_boldsign::three_hosts,
    ),
    (
        "4 BoldSign login, refresh, client credentials",
        salesforce_and_boldsign::boldsign,
    ),
    (
        "5 DocuSign login, rotation, expired refresh token",
        docusign::rotation,
    ),
];

pub(crate) fn run() -> Result<(), String> {
    let start = Instant::now();
    let mut stage = Stage::set()?;
    table::say(&format!(
        "sandbox at {} (TLS, CA in {})\n\n",
        stage.sandbox.url(),
        stage
            .sandbox
            .ca_file()
            .map(|path| path.display().to_string())
            .unwrap_or_default(),
    ));
    for (title, job) in JOBS {
        stage.begin(title);
        job(&mut stage).map_err(|why| format!("job {title}: {why}"))?;
    }
    table::print(&stage.rows());
    table::say(&format!("\nURLs and hints for users:\n{}", stage.notes()));
    table::say(&format!(
        "\nfiles in {}:\n{}",
        stage.sandbox.dir().display(),
        stage.files()?
    ));
    table::say(&format!(
        "\nall five jobs done in {:.1} s\n",
        start.elapsed().as_secs_f64()
    ));
    Ok(())
}
