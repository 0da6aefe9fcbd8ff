//! Plugins with invalid tables are rejected.

use countersign_core::{Error, ErrorKind};
use countersign_plugin::Loader;
use countersign_plugin_testing::c;

use crate::support::HEADERS;

#[track_caller]
fn rejected(defined: &[&str]) -> Error {
    let built = c("tests/plugins/misshapen.c", HEADERS, defined);
    let error = Loader::new().load(built.path(), None).unwrap_err();
    assert!(error.message().starts_with("plugin /"), "{error}");
    assert!(error.hint().is_some(), "{error}");
    error
}

/// Checks that the library is rejected because it isn't a plugin for this host.
#[track_caller]
fn rejected_for(defined: &str, why: &str) {
    let error = rejected(&[defined]);
    assert_eq!(error.kind(), ErrorKind::Setting, "{error}");
    assert!(error.message().contains(why), "{defined}: {error}");
}

/// Checks that the plugin is blamed for a bug.
#[track_caller]
fn breaks_a_rule(defined: &[&str], why: &str) {
    let error = rejected(defined);
    assert_eq!(error.kind(), ErrorKind::Plugin, "{error}");
    assert!(error.message().contains(why), "{defined:?}: {error}");
    assert!(
        error.hint().unwrap().contains("report this bug"),
        "{error:?}"
    );
}

#[test]
fn a_struct_shorter_than_in_version_1_0_is_rejected() {
    for size in ["0", "4", "sizeof(csign_plugin_module)-1"] {
        rejected_for(
            &format!("MODULE_SIZE={size}"),
            "its module is shorter than in version 1.0",
        );
    }
    for size in ["0", "16", "offsetof(csign_provider_vtable,get_extension)"] {
        rejected_for(
            &format!("VTABLE_SIZE={size}"),
            "provider 0 of its module is shorter than in version 1.0",
        );
    }
}

#[test]
fn missing_members_are_rejected() {
    rejected_for("RETURNED=NULL", "declined");
    rejected_for("NAME=NULL", "name is NULL");
    rejected_for("NAME=\"\"", "name is empty");
    rejected_for("TABLES=NULL", "has no provider");
    rejected_for("COUNT=0", "has no provider");
    rejected_for("COUNT=65", "more than 64");
    rejected_for("TABLE=NULL", "provider 0 of its module is NULL");
    rejected_for("ID=NULL", "`id` is NULL");
    rejected_for("ID=\"\\xff\"", "`id` is not UTF-8");
    rejected_for("FUNCTION=NULL", "has no `profile`");
}

#[test]
fn an_invalid_profile_is_the_plugins_fault() {
    breaks_a_rule(&["WRITTEN=\"\""], "set no profile");
    breaks_a_rule(&["WRITTEN=\"id = 7\""], "`profile` set an invalid profile");
    breaks_a_rule(&["WRITTEN=\"\\xff\""], "not UTF-8");
    breaks_a_rule(
        &["ID=\"another\""],
        "id is `misshapen`, but the vtable's id is `another`",
    );
    breaks_a_rule(&["STATUS=CSIGN_PLUGIN_STATUS_FAILED"], "`profile` failed");
    breaks_a_rule(
        &["STATUS=CSIGN_PLUGIN_STATUS_REJECTED"],
        "`profile` returned CSIGN_PLUGIN_STATUS_REJECTED without calling `reject`",
    );
}
