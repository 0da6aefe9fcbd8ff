//! What is parsed, what is rejected, and that no error contains a password.

use super::*;

fn parse(url: &str) -> Result<Address, Error> {
    Address::parse(url, &["redis", "rediss"], &["pool"])
}

#[test]
fn every_part_is_parsed() {
    let address = parse("rediss://a%40b:p%2Fw%23@[::1]:7000,h2/3?pool=2&timeout_ms=20").unwrap();
    assert_eq!(address.user.as_deref(), Some("a@b"));
    assert_eq!(address.password.as_ref().unwrap().expose(), "p/w#");
    assert_eq!(address.hosts[0].name, "::1");
    assert_eq!(address.hosts[0].port, Some(7000));
    assert_eq!(address.hosts[1].port, None);
    assert_eq!(
        (address.path.as_str(), address.option("pool")),
        ("3", Some("2"))
    );
    assert_eq!(address.timeout().unwrap(), Duration::from_millis(20));
    assert_eq!(address.to_string(), "rediss://[::1]:7000,h2/3");
}

#[test]
fn errors_name_the_mistake_and_never_the_password() {
    for (url, part) in [
        ("mysql://u:hunter2@h/", "another scheme"),
        ("redis://u:hunter2@h:99999/", "port"),
        ("redis://u:hunter2@h/?polo=2", "`polo`"),
        ("redis://u:hunter2@h/?pool=2&pool=2", "twice"),
        ("redis://u:hunter2@h/?password_file=/nowhere", "keep one"),
        ("redis://u:hunter#2@h/", "`#`"),
        ("redis://u:%FFhunter2@h/", "UTF-8"),
        ("redis://u:hunter2@[::1/", "]"),
    ] {
        let error = parse(url).unwrap_err();
        let text = format!("{error:?}");
        assert!(text.contains(part), "{url}: {text}");
        assert!(!text.contains("hunter"), "{text}");
        assert_eq!(error.setting_name(), Some("store"));
        assert_eq!(error.kind(), ErrorKind::Setting);
    }
}

#[test]
fn an_unknown_option_is_rejected_with_the_nearest_name() {
    let error = parse("redis://h/?timout_ms=3").unwrap_err();
    assert_eq!(error.hint(), Some("did you mean `timeout_ms`?"));
}

#[test]
fn plaintext_to_other_machines_is_rejected_unless_allowed() {
    let check = |url| parse(url).unwrap().check_plaintext("use rediss://");
    for url in [
        "redis://localhost",
        "redis://127.0.0.2:1",
        "redis://[::1]",
        "redis://%2Frun%2Fr",
    ] {
        check(url).unwrap();
    }
    check("redis://10.0.0.1/?plaintext=allow").unwrap();
    for url in [
        "redis://10.0.0.1",
        "redis://localhost,db",
        "redis://127.0.0.1.example",
    ] {
        assert_eq!(check(url).unwrap_err().kind(), ErrorKind::Setting, "{url}");
    }
    assert!(check("redis://db/?plaintext=yes").is_err());
}

#[test]
fn the_password_can_be_in_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let url = format!("redis://h/?password_file={}", file.path().display());
    for text in ["hunter2", "hunter2\n", "\u{feff}hunter2\r\n"] {
        std::fs::write(file.path(), text).unwrap();
        assert_eq!(parse(&url).unwrap().password.unwrap().expose(), "hunter2");
    }
}

#[test]
fn tls_needs_certificates_to_trust() {
    assert!(parse("rediss://h").unwrap().tls().is_ok());
    let file = tempfile::NamedTempFile::new().unwrap();
    let empty = format!("rediss://h/?ca_file={}", file.path().display());
    for url in [
        empty.as_str(),
        "rediss://h/?ca_file=/nowhere",
        "rediss://h/?roots=mine",
    ] {
        assert_eq!(
            parse(url).unwrap().tls().unwrap_err().kind(),
            ErrorKind::Setting
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_again_is_reported_and_the_old_password_stays_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "sesame").unwrap();
    let url = format!("redis://db.example?password_file={}", file.display());
    let address = Address::parse(&url, &["redis"], &[]).unwrap();
    let password = || address.password_now().unwrap().expose().to_owned();
    assert_eq!(password(), "sesame");
    assert!(address.warning().is_none());
    std::fs::write(&file, "").unwrap();
    assert_eq!(password(), "sesame");
    let warning = address.warning().unwrap();
    assert!(warning.message().contains("password_file"), "{warning}");
    assert!(warning.message().contains("stays in use"), "{warning}");
    std::fs::write(&file, "changed").unwrap();
    assert_eq!(
        (password().as_str(), address.warning().is_none()),
        ("changed", true)
    );
}
