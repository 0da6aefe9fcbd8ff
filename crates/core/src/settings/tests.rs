//! Tests of reading settings.

use super::*;

#[test]
fn errors_suggest_the_nearest_setting() {
    for (typo, meant) in [
        ("clientid", "client_id"),
        ("enviroment", "environment"),
        ("private_key_fil", "private_key_file"),
        ("scope", "scopes"),
        ("timeout", "timeout_ms"),
        ("client_secret_environment", "client_secret_env"),
    ] {
        let error = Settings::new().set(typo, "x").expect_err(typo);
        assert!(error.message().contains(&format!("`{meant}`")), "{error}");
    }
}

#[test]
fn errors_contain_no_value() {
    for text in [
        "[connections.a]\nclient_secret = \"canary\nprovider=1",
        "[connections.a]\nclient_secret = { canary = 1.5 }",
        "[connections.a]\nclient_secret_typo_far_off = \"canary\"",
    ] {
        let error = Settings::from_toml(text).expect_err(text);
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    let settings = Settings::from_pairs([("client_secret", "canary")]).unwrap();
    assert!(!format!("{settings:?}").contains("canary"));
}

#[test]
fn booleans_are_for_flags_and_vendors_own_settings() {
    let read = |line: &str| Settings::from_toml(&format!("[connections.a]\n{line}"));
    read("extra.sandbox = true").unwrap();
    read("ca_only = true").unwrap();
    let settings = &read("authorize.force_verify = true").unwrap()["a"];
    assert_eq!(settings.value("authorize.force_verify"), Some("true"));
    for (setting, line) in [("scopes", "scopes = true"), ("scopes", "scopes = [false]")] {
        let error = read(line).expect_err(line);
        assert_eq!(error.setting_name(), Some(setting), "{error}");
    }
}

#[test]
fn relative_paths_start_at_the_given_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "s3cret\r\n").unwrap();
    let settings = Settings::from_pairs([("client_secret_file", "secret")]).unwrap();
    let resolved = settings
        .relative_to(folder.path())
        .resolve(|_| None)
        .unwrap();
    assert_eq!(resolved.value("client_secret"), Some("s3cret"));
    assert_eq!(resolved.value("client_secret_file"), None);
}

#[test]
fn what_editors_add_to_a_file_is_not_part_of_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let settings = Settings::from_pairs([("client_secret_file", path.to_str().unwrap())]).unwrap();
    for text in ["pa ss", "pa ss\n", "pa ss\r\n", "\u{feff}pa ss\r\n"] {
        std::fs::write(&path, text).unwrap();
        let resolved = settings.clone().resolve(|_| None).unwrap();
        assert_eq!(resolved.value("client_secret"), Some("pa ss"), "{text:?}");
    }
}

#[test]
fn only_keys_may_be_binary() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bytes"), [0x30, 0x82, 0, 1]).unwrap();
    let resolved = |key| {
        let settings = Settings::from_pairs([(key, "bytes")]).unwrap();
        settings.relative_to(folder.path()).resolve(|_| None)
    };
    let key = resolved("private_key_file").unwrap();
    assert_eq!(key.value("private_key"), Some("MIIAAQ=="));
    let error = resolved("client_secret_file").unwrap_err();
    assert!(error.message().contains("not UTF-8"), "{error}");
}

#[test]
fn a_secret_that_is_set_twice_is_rejected() {
    let settings =
        Settings::from_pairs([("client_secret", "a"), ("client_secret_env", "B")]).unwrap();
    let error = settings.resolve(|_| Some("b".into())).unwrap_err();
    assert!(error.message().contains("both set"), "{error}");
}

#[test]
fn unset_removes_a_secret_in_every_form() {
    let forms = ["private_key", "private_key_file", "private_key_env"];
    let all = || {
        let beside = ["private_key_passphrase", "subject"];
        let pairs = forms.into_iter().chain(beside).map(|key| (key, "x"));
        Settings::from_pairs(pairs).unwrap()
    };
    let left = |key| {
        let mut settings = all();
        settings.unset(key).unwrap();
        settings.unset(key).unwrap();
        settings.keys().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(left("private_key"), ["private_key_passphrase", "subject"]);
    for form in &forms[1..] {
        assert_eq!(left(form).len(), 4, "{form}");
        assert!(!left(form).contains(&(*form).to_owned()), "{form}");
    }
    assert_eq!(left("store"), all().keys().collect::<Vec<_>>());
    let error = all().unset("private_kee").unwrap_err();
    assert!(error.message().contains("`private_key`"), "{error}");
}

#[test]
fn a_secret_in_place_of_its_name_or_path_is_not_shown() {
    for (key, value) in [
        ("private_key_file", "-----BEGIN PRIVATE KEY-----\\ncanary"),
        ("private_key_file", "line\ncanary"),
        ("private_key_file", "PKCS11:object=a?pin-value=canary"),
        ("private_key_file", r#"{"kty":"RSA","d":"canary"}"#),
        ("client_secret_env", "canary+1/2"),
        ("client_secret_env", "1canary"),
    ] {
        let settings = Settings::from_pairs([(key, value)]).unwrap();
        let error = settings.resolve(|_| None).expect_err(value);
        assert_eq!(error.setting_name(), Some(key));
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[test]
fn tables_other_than_connections_are_rejected() {
    let error = Settings::from_toml("[conections.a]\nprovider=\"x\"").unwrap_err();
    assert!(error.message().contains("[connections.NAME]"));
}

#[test]
fn the_error_of_an_unreadable_file_has_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    for (path, said, hint) in [
        ("gone", "cannot be read", "relative path starts at"),
        (".", "cannot be read", "path of a file"),
        ("empty", "is empty", "remove private_key_file"),
    ] {
        let settings = Settings::from_pairs([("private_key_file", path)]).unwrap();
        let error = settings
            .relative_to(folder.path())
            .resolve(|_| None)
            .expect_err(path);
        assert!(error.message().contains(said), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
    }
    let settings = Settings::from_pairs([("private_key_env", "NOT_SET")]).unwrap();
    let error = settings.resolve(|_| None).unwrap_err();
    assert!(
        error.hint().unwrap().contains("export NOT_SET"),
        "{error:?}"
    );
}

#[test]
fn the_hint_quotes_a_name_with_a_dot() {
    let error = Settings::from_toml("[connections.acme.eu]\nprovider = \"x\"").unwrap_err();
    assert!(error.message().contains("connection `acme`"), "{error}");
    assert!(error.hint().unwrap().contains("NAME.eu\"]"), "{error:?}");
}

#[test]
fn a_duplicate_key_is_named() {
    let error = Settings::from_toml("[connections.a]\nscopes = \"canary\"\nscopes = \"x\"");
    let error = error.unwrap_err();
    assert_eq!(error.message(), "line 3: duplicate key `scopes`");
}
