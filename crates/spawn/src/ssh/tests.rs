//! Keys for the tests of this folder, made with ssh-keygen; their fingerprints are those of OpenSSL
//! and ssh-keygen.

use super::key_fingerprint::is_fingerprint_of;
use super::private_key::read_private_key;
use super::public_key::PublicKey;
use crate::process::testing::{AnsweredPrograms, not_installed};
use crate::{ProcessCommand, ProcessOutput, ProcessRunner};

/// ssh-keygen -t ed25519 -C try
pub(super) const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxaQyaKFKaxTIvHQPQxzoKYmrzVJqpYPTu5eiWSLGf1 try";

/// The private file of [`ED25519`].
pub(super) const ED25519_FILE: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACBsWkMmihSmsUyLx0D0Mc6CmJq81SaqWD07uXolkixn9QAAAIiHtI9wh7SP
cAAAAAtzc2gtZWQyNTUxOQAAACBsWkMmihSmsUyLx0D0Mc6CmJq81SaqWD07uXolkixn9Q
AAAEBJrB9p3isHUyAtiLGxp3AuPjOWqgbvhOJsxsIIM8MPIWxaQyaKFKaxTIvHQPQxzoKY
mrzVJqpYPTu5eiWSLGf1AAAAA3RyeQEC
-----END OPENSSH PRIVATE KEY-----
";

/// ssh-keygen -t ed25519 -N secret
pub(super) const LOCKED_FILE: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDOtw9UAr
ltehe3QXv6FjJzAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIKcA2/UgrAj0OLvZ
aOXQSpKboXoafVKht6ax1AaCrfR5AAAAkPK9SDWmSj73gIVcUHUFSwmBhc/RhWmClQ9k9g
FADK3y8y15xUJPnOkNOMYmsozgsyPB8sA26sosFPv+1+6m/mevVYHOvd/o2hqvNSMVzt2X
Z5fWwAsiM5Fxp/Krd6/tOFpqkZ/r2oLVWuRy7emfxefUBVACobCImJD7WtH8kxXRsCqzAJ
16A6UYNB0RYbBWzA==
-----END OPENSSH PRIVATE KEY-----
";

/// The public half of [`LOCKED_FILE`].
pub(super) const LOCKED: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKcA2/UgrAj0OLvZaOXQSpKboXoafVKht6ax1AaCrfR5 try";

/// ssh-keygen -t rsa -b 1024 -m PEM
pub(super) const RSA_FILE: &str = "\
-----BEGIN RSA PRIVATE KEY-----
MIICXgIBAAKBgQDxus5PuMmyYKlwJLGP0ii9150f+GxBSUlKpFdH2Utzzg/vCNjs
2srateqkTumd6r+UuXs0fp0uBCcAOYYSltWcOW93XMyB7MyTq38v7klhQ+Ww+hUo
GOmgX6vbG0SBkwdFx4YB8ykYxV+nPoHJbisu1iA+IPcGpt5UbROYXFZfyQIDAQAB
AoGAFgrKtUpMWg+mY6t05YBsZqM6mKe2d12PaVcC/nI6Bx1LJqjP3wk0Zi0gcEsh
0lyNi6o+KdNB0ehfBg44w4ktgRv9QP5FCrEfMoLpem4YG4ciT0OvnwnLhz9cm3Hf
2LD5pQp0z776Cvb80eNm+mfKRBGu03Xnarmu0EWUd3TcMAECQQD6iV2IMHL7bxGC
n6HJ8T3mo2aC9GveEChJ1L94LLfmiV+XrtFQIxdnwXSqKd9HtUoMkd5MF0kvuFJj
GT7OovuJAkEA9wBGkuUDXpth2uiUVDbTi/WYAJmX17Ky6BhxuIrTk7eO9t9SDz3I
bsMsDv6QEmIxugKsZQd3gbTU9N63vYXyQQJBAM/OFlV7EjQ5OQXmkFSnE5f1Gncu
czYaosAyhaoRNWwzr6VprFXS9Xvq+3CVEI0y8rugVgk5G0xIj5WBABZ3GzkCQQD2
mvfbQXsTwd75SKyPSA399r5EGxVW7bthrsYbkb+cA/Bg2qZ7QRwUOhiK/+2n7RHo
vTKRy9qtTXYw5Qxd1JYBAkEA1dqkL8tPtvOIrmyg9dC5k5qYmwmFERMi54mCL0Gq
iLKhW+rsLn+NZbYrOv40quKYOidHYl5ZwqHXNZJ5396wag==
-----END RSA PRIVATE KEY-----
";

/// openssl pkcs8 -topk8 -nocrypt
const RSA_PKCS8_FILE: &str = "\
-----BEGIN PRIVATE KEY-----
MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAPG6zk+4ybJgqXAk
sY/SKL3XnR/4bEFJSUqkV0fZS3POD+8I2Ozaytq16qRO6Z3qv5S5ezR+nS4EJwA5
hhKW1Zw5b3dczIHszJOrfy/uSWFD5bD6FSgY6aBfq9sbRIGTB0XHhgHzKRjFX6c+
gcluKy7WID4g9wam3lRtE5hcVl/JAgMBAAECgYAWCsq1SkxaD6Zjq3TlgGxmozqY
p7Z3XY9pVwL+cjoHHUsmqM/fCTRmLSBwSyHSXI2Lqj4p00HR6F8GDjjDiS2BG/1A
/kUKsR8ygul6bhgbhyJPQ6+fCcuHP1ybcd/YsPmlCnTPvvoK9vzR42b6Z8pEEa7T
dedqua7QRZR3dNwwAQJBAPqJXYgwcvtvEYKfocnxPeajZoL0a94QKEnUv3gst+aJ
X5eu0VAjF2fBdKop30e1SgyR3kwXSS+4UmMZPs6i+4kCQQD3AEaS5QNem2Ha6JRU
NtOL9ZgAmZfXsrLoGHG4itOTt47231IPPchuwywO/pASYjG6AqxlB3eBtNT03re9
hfJBAkEAz84WVXsSNDk5BeaQVKcTl/Uady5zNhqiwDKFqhE1bDOvpWmsVdL1e+r7
cJUQjTLyu6BWCTkbTEiPlYEAFncbOQJBAPaa99tBexPB3vlIrI9IDf32vkQbFVbt
u2GuxhuRv5wD8GDapntBHBQ6GIr/7aftEei9MpHL2q1NdjDlDF3UlgECQQDV2qQv
y0+284iubKD10LmTmpibCYUREyLniYIvQaqIsqFb6uwuf41ltis6/jSq4pg6J0di
XlnCodc1knnf3rBq
-----END PRIVATE KEY-----
";

/// The public half of [`RSA_FILE`].
pub(super) const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDxus5PuMmyYKlwJLGP0ii9150f+GxBSUlKpFdH2Utzzg/vCNjs2srateqkTumd6r+UuXs0fp0uBCcAOYYSltWcOW93XMyB7MyTq38v7klhQ+Ww+hUoGOmgX6vbG0SBkwdFx4YB8ykYxV+nPoHJbisu1iA+IPcGpt5UbROYXFZfyQ== try";

/// openssl pkcs8 -topk8 -nocrypt -outform DER | openssl sha1 -c
pub(super) const RSA_SHA1: &str = "59:56:84:db:4e:04:cf:8b:27:a4:7f:cd:03:b3:30:2c:82:fa:62:2a";
/// openssl rsa -pubout -outform DER | openssl md5 -c
const RSA_MD5: &str = "be:d2:c7:17:f4:ba:24:f1:fc:c6:16:09:75:ae:d0:47";
/// ssh-keygen -l
const ED25519_SHA256: &str = "L2ISTFJmGrwNoaHmc2bJoOFW2g9j+iYqUula85Jh1Hw";

/// Returns a machine with an agent that has these keys, and with no other program.
pub(super) fn agent_with(keys: &str) -> impl ProcessRunner {
    AnsweredPrograms(move |command: &ProcessCommand| match command.program.to_str() {
        Some("ssh-add") => {
            let code = Some(i32::from(keys.is_empty()));
            Ok(ProcessOutput { code, stdout: keys.as_bytes().to_vec(), stderr: Vec::new() })
        }
        _ => not_installed(),
    })
}

fn key(line: &str) -> PublicKey {
    PublicKey::parse(line).expect("a public key")
}

#[test]
fn the_public_half_of_a_private_file_is_read() {
    let check = |file: &str, public: &str, encrypted: bool| {
        let found = read_private_key(file).expect("a private key");
        assert_eq!((found.public, found.encrypted), (Some(key(public)), encrypted));
    };
    check(ED25519_FILE, ED25519, false);
    check(LOCKED_FILE, LOCKED, true);
    check(RSA_FILE, RSA, false);
    check(RSA_PKCS8_FILE, RSA, false);
    assert_eq!(read_private_key(RSA_FILE), read_private_key(RSA_PKCS8_FILE));
    assert_eq!(read_private_key(&ED25519_FILE[..ED25519_FILE.len() - 60]), None, "cut off");
}

#[test]
fn each_form_of_fingerprint_is_recognized() {
    let pkcs8 = read_private_key(RSA_FILE).and_then(|file| file.pkcs8);
    let check = |fingerprint: &str, line: &str, private: bool, expected: bool| {
        let pkcs8 = pkcs8.as_deref().filter(|_| private);
        assert_eq!(is_fingerprint_of(fingerprint, &key(line), pkcs8), expected, "{fingerprint}");
    };
    check(ED25519_SHA256, ED25519, false, true);
    check(&format!("{ED25519_SHA256}="), ED25519, false, true);
    check(&format!("SHA256:{ED25519_SHA256}"), ED25519, false, true);
    check(ED25519_SHA256, LOCKED, false, false);
    check(RSA_MD5, RSA, false, true);
    check(&RSA_MD5.to_uppercase(), RSA, false, true);
    check(RSA_MD5, ED25519, false, false);
    check(RSA_SHA1, RSA, true, true);
    check(RSA_SHA1, RSA, false, false);
    check("", RSA, true, false);
}
