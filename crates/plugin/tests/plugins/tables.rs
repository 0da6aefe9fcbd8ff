//! Tables that are not what they must be: nothing of them is believed.

use countersign::{Error, ErrorKind};
use countersign_plugin::Loader;
use countersign_plugin_testing::c;

use crate::house::HEADERS;

#[track_caller]
fn refused(defined: &[&str]) -> Error {
    let built = c("tests/plugins/misshapen.c", HEADERS, defined);
    let error = Loader::new().load(built.path(), None).unwrap_err();
    assert!(error.message().starts_with("plugin /"), "{error}");
    assert!(error.hint().is_some(), "{error}");
    error
}

/// The table is at fault: this is no plugin of ours.
#[track_caller]
fn refused_for(defined: &str, why: &str) {
    let error = refused(&[defined]);
    assert_eq!(error.kind(), ErrorKind::Setting, "{error}");
    assert!(error.message().contains(why), "{defined}: {error}");
}

/// The plugin is at fault.
#[track_caller]
fn breaks_a_rule(defined: &[&str], why: &str) {
    let error = refused(defined);
    assert_eq!(error.kind(), ErrorKind::Plugin, "{error}");
    assert!(error.message().contains(why), "{defined:?}: {error}");
    assert!(error.hint().unwrap().contains("report it"), "{error:?}");
}

#[test]
fn a_struct_shorter_than_it_ever_was_is_refused() {
    for size in ["0", "4", "sizeof(csign_plugin_module)-1"] {
        refused_for(
            &format!("MODULE_SIZE={size}"),
            "its module is shorter than in version 1.0",
        );
    }
    for size in ["0", "16", "offsetof(csign_provider_vtable,get_extension)"] {
        refused_for(
            &format!("VTABLE_SIZE={size}"),
            "provider 0 of its module is shorter than in version 1.0",
        );
    }
}

#[test]
fn members_that_must_be_there_are_missed() {
    refused_for("RETURNED=NULL", "declined");
    refused_for("NAME=NULL", "name is NULL");
    refused_for("NAME=\"\"", "name is empty");
    refused_for("TABLES=NULL", "has no provider");
    refused_for("COUNT=0", "has no provider");
    refused_for("COUNT=65", "more than 64");
    refused_for("TABLE=NULL", "provider 0 of its module is NULL");
    refused_for("ID=NULL", "`id` is NULL");
    refused_for("ID=\"\\xff\"", "`id` is not plain UTF-8");
    refused_for("FUNCTION=NULL", "has no `profile`");
}

#[test]
fn a_profile_that_is_none_is_the_plugins_fault() {
    breaks_a_rule(&["WRITTEN=\"\""], "wrote no profile");
    breaks_a_rule(&["WRITTEN=\"id = 7\""], "`profile` wrote one that is none");
    breaks_a_rule(&["WRITTEN=\"\\xff\""], "not UTF-8");
    breaks_a_rule(
        &["ID=\"another\""],
        "is of `misshapen`, and its table says `another`",
    );
    breaks_a_rule(&["STATUS=CSIGN_PLUGIN_STATUS_FAILED"], "`profile` failed");
    breaks_a_rule(
        &["STATUS=CSIGN_PLUGIN_STATUS_REFUSED"],
        "`profile` refused without a reason",
    );
}
